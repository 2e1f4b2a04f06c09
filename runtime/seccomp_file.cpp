#include "runtime/seccomp_file.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/seccomp_words.hpp"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = 4u << 20;
constexpr std::size_t kMaxRules = 10'000, kMaxArguments = 100, kMaxArchitectures = 100;

// Conditions name architectures as Go does.
struct GoArchitecture {
    std::string_view go, scmp;
};
constexpr std::array<GoArchitecture, 15> kGoArchitectures{{{"386", "SCMP_ARCH_X86"},
                                                           {"amd64", "SCMP_ARCH_X86_64"},
                                                           {"amd64p32", "SCMP_ARCH_X32"},
                                                           {"arm", "SCMP_ARCH_ARM"},
                                                           {"arm64", "SCMP_ARCH_AARCH64"},
                                                           {"mips", "SCMP_ARCH_MIPS"},
                                                           {"mips64", "SCMP_ARCH_MIPS64"},
                                                           {"mips64p32", "SCMP_ARCH_MIPS64N32"},
                                                           {"mipsle", "SCMP_ARCH_MIPSEL"},
                                                           {"mips64le", "SCMP_ARCH_MIPSEL64"},
                                                           {"mips64p32le", "SCMP_ARCH_MIPSEL64N32"},
                                                           {"ppc64le", "SCMP_ARCH_PPC64LE"},
                                                           {"riscv64", "SCMP_ARCH_RISCV64"},
                                                           {"s390", "SCMP_ARCH_S390"},
                                                           {"s390x", "SCMP_ARCH_S390X"}}};

SourcePosition position_of(std::string_view text, const std::string& file, std::size_t byte) {
    const std::string_view before = text.substr(0, byte == 0 ? 0 : byte - 1);
    const std::size_t line_start = before.rfind('\n');
    const std::size_t column =
        line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
    return {file, static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
            static_cast<int>(column) + 1};
}

json parse_document(std::string_view text, const std::string& file) {
    try {
        return json::parse(text);
    } catch (const json::parse_error& problem) {
        throw Error{ErrorKind::invalid_input, "the seccomp profile is not valid JSON"}.at(
            position_of(text, file, problem.byte));
    } catch (const json::exception& problem) {  // a number that no type holds
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the seccomp profile is not valid JSON: {}", problem.what())}
            .at({file, 0, 0});
    }
}

// Numbers of arguments have 64 bits, which a signed integer doesn't.
std::uint64_t unsigned_number(const json& object, std::string_view key, std::uint64_t limit) {
    const json* value = json_fields::find(object, key);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > limit)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("field '{}' is no whole number of 0 to {}", key, limit)};
    return value->get<std::uint64_t>();
}

std::optional<std::uint32_t> errno_number(const json& object, std::string_view key) {
    if (json_fields::find(object, key) == nullptr) return std::nullopt;
    return static_cast<std::uint32_t>(
        unsigned_number(object, key, std::numeric_limits<std::uint32_t>::max()));
}

std::string word_of(const std::vector<SeccompWord>& words, std::string_view what, std::string name) {
    static_cast<void>(seccomp_word(words, what, name));
    return name;
}

// Major and minor of `6.1.0-13-amd64`, as the format compares them.
std::pair<long long, long long> kernel_version(const std::string& text) {
    const std::vector<std::string> parts = split(text, '.');
    const auto digits = [](const std::string& part) {
        return parse_int(std::string_view{part}.substr(0, part.find_first_not_of("0123456789")));
    };
    if (parts.size() >= 2)
        if (const auto major = digits(parts[0]), minor = digits(parts[1]); major && minor)
            return {*major, *minor};
    throw Error{ErrorKind::invalid_input, fmt::format("\"{}\" is no kernel version", text)}.with_hint(
        "it is written as major.minor, such as 4.8");
}

class ProfileReader {
  public:
    explicit ProfileReader(const SeccompFileHost& host) : host_{host} {}

    SeccompProfile read(const json& document) {
        if (!document.is_object()) throw Error{ErrorKind::invalid_input, "it is no JSON object"};
        SeccompProfile profile;
        profile.default_action =
            word_of(seccomp_actions(), "default action", json_fields::string(document, "defaultAction"));
        profile.default_errno_ret = errno_number(document, "defaultErrnoRet");
        profile.listener_path = json_fields::string(document, "listenerPath");
        profile.listener_metadata = json_fields::string(document, "listenerMetadata");
        for (std::string& flag : json_fields::strings(document, "flags"))
            profile.flags.push_back(word_of(seccomp_flags(), "flag", std::move(flag)));
        profile.architectures = architectures(document);
        if (const json* rules = json_fields::array(document, "syscalls", kMaxRules)) {
            for (std::size_t i = 0; i < rules->size(); ++i) {
                place_ = fmt::format("syscalls[{}]", i);
                add_rule((*rules)[i], profile);
            }
        }
        return profile;
    }

    /// The part that was being read when an error came.
    [[nodiscard]] const std::string& place() const { return place_; }

  private:
    std::vector<std::string> architectures(const json& document) {
        std::vector<std::string> names = json_fields::strings(document, "architectures");
        const json* map = json_fields::array(document, "archMap", kMaxArchitectures);
        if (map != nullptr && !map->empty() && !names.empty())
            throw Error{ErrorKind::invalid_input, "it has both 'architectures' and 'archMap'"};
        if (map != nullptr) {
            for (const json& entry : *map) {
                expect_object(entry, "archMap");
                if (json_fields::string(entry, "architecture") != host_.architecture) continue;
                names.push_back(host_.architecture);
                for (std::string& name : json_fields::strings(entry, "subArchitectures"))
                    names.push_back(std::move(name));
                break;
            }
        }
        for (const std::string& name : names)
            static_cast<void>(seccomp_word(seccomp_architectures(), "architecture", name));
        return names;
    }

    void add_rule(const json& entry, SeccompProfile& profile) {
        expect_object(entry, "syscalls");
        SeccompRule rule;
        rule.names = json_fields::strings(entry, "names");
        if (std::string name = json_fields::string(entry, "name"); !name.empty()) {
            if (!rule.names.empty()) throw Error{ErrorKind::invalid_input, "it has both 'name' and 'names'"};
            rule.names.push_back(std::move(name));
        }
        if (rule.names.empty()) throw Error{ErrorKind::invalid_input, "it names no system call"};
        rule.action = word_of(seccomp_actions(), "action", json_fields::string(entry, "action"));
        rule.errno_ret = errno_number(entry, "errnoRet");
        if (const json* arguments = json_fields::array(entry, "args", kMaxArguments))
            for (const json& argument : *arguments) rule.arguments.push_back(argument_of(argument));
        const bool wanted = meets_includes(json_fields::object(entry, "includes")) &&
                            !meets_excludes(json_fields::object(entry, "excludes"));
        if (wanted) profile.syscalls.push_back(std::move(rule));
    }

    static SeccompArgument argument_of(const json& entry) {
        expect_object(entry, "args");
        SeccompArgument argument;
        constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
        argument.index = static_cast<std::uint32_t>(unsigned_number(entry, "index", 5));
        argument.value = unsigned_number(entry, "value", kAny);
        argument.value_two = unsigned_number(entry, "valueTwo", kAny);
        argument.op = word_of(seccomp_operators(), "operator", json_fields::string(entry, "op"));
        return argument;
    }

    [[nodiscard]] bool is_native(const std::string& go_name) const {
        const auto known = std::find_if(kGoArchitectures.begin(), kGoArchitectures.end(),
                                        [&](const GoArchitecture& entry) { return entry.go == go_name; });
        return known != kGoArchitectures.end() && known->scmp == host_.architecture;
    }

    // Names that this program doesn't know belong to kernels that it doesn't run on: nobody holds them.
    [[nodiscard]] bool holds(const std::string& capability) const {
        const std::optional<int> number = capability_number(capability);
        return number && (host_.capabilities >> *number & 1) != 0;
    }

    [[nodiscard]] bool kernel_is_at_least(const std::string& version) const {
        return kernel_version(host_.kernel_release) >= kernel_version(version);
    }

    /// All that is asked for must hold; of architectures, one.
    [[nodiscard]] bool meets_includes(const json* filter) const {
        if (filter == nullptr) return true;
        const auto arches = json_fields::strings(*filter, "arches");
        const auto caps = json_fields::strings(*filter, "caps");
        const std::string kernel = json_fields::string(*filter, "minKernel");
        return (arches.empty() || std::any_of(arches.begin(), arches.end(),
                                              [this](const auto& name) { return is_native(name); })) &&
               std::all_of(caps.begin(), caps.end(), [this](const auto& name) { return holds(name); }) &&
               (kernel.empty() || kernel_is_at_least(kernel));
    }

    /// Anything that holds is enough.
    [[nodiscard]] bool meets_excludes(const json* filter) const {
        if (filter == nullptr) return false;
        const auto arches = json_fields::strings(*filter, "arches");
        const auto caps = json_fields::strings(*filter, "caps");
        const std::string kernel = json_fields::string(*filter, "minKernel");
        return std::any_of(arches.begin(), arches.end(),
                           [this](const auto& name) { return is_native(name); }) ||
               std::any_of(caps.begin(), caps.end(), [this](const auto& name) { return holds(name); }) ||
               (!kernel.empty() && kernel_is_at_least(kernel));
    }

    static void expect_object(const json& value, std::string_view list) {
        if (!value.is_object())
            throw Error{ErrorKind::invalid_input, fmt::format("an entry of '{}' is no object", list)};
    }

    const SeccompFileHost& host_;
    std::string place_;
};

}  // namespace

SeccompFileHost seccomp_file_host(std::uint64_t capabilities) {
    SeccompFileHost host;
    host.capabilities = capabilities;
    const std::uint32_t native = ::seccomp_arch_native();
    for (const SeccompWord& word : seccomp_architectures())
        if (word.value == native) host.architecture = word.name;
    utsname names{};
    if (::uname(&names) == 0) host.kernel_release = names.release;
    return host;
}

SeccompProfile parse_seccomp_file(std::string_view text, const std::string& file,
                                  const SeccompFileHost& host) {
    const json document = parse_document(text, file);
    ProfileReader reader{host};
    try {
        return reader.read(document);
    } catch (Error& error) {
        if (!reader.place().empty()) error.add_context(reader.place());
        throw error.add_context("reading the seccomp profile").at({file, 0, 0});
    }
}

SeccompProfile read_seccomp_file(const std::string& path, const SeccompFileHost& host) {
    const std::string what = fmt::format("seccomp profile '{}'", path);
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!file.valid()) throw_errno(fmt::format("open {}", what));
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) throw_errno(fmt::format("look at {}", what));
    if (!S_ISREG(info.st_mode))
        throw Error{ErrorKind::invalid_input, fmt::format("{} is no regular file", what)};
    return parse_seccomp_file(read_all(file.get(), what, kMaxBytes), path, host);
}

}  // namespace stack
