#include "runtime/image/platform.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

struct MachineName {
    std::string_view alias, architecture, variant;
};

// What uname(2) and distributions say.
constexpr std::array<MachineName, 16> kMachineNames{{{"x86_64", "amd64", ""},
                                                     {"x86-64", "amd64", ""},
                                                     {"i386", "386", ""},
                                                     {"i686", "386", ""},
                                                     {"aarch64", "arm64", "v8"},
                                                     {"armhf", "arm", "v7"},
                                                     {"armel", "arm", "v6"},
                                                     {"armv7l", "arm", "v7"},
                                                     {"armv6l", "arm", "v6"},
                                                     {"armv5tel", "arm", "v5"},
                                                     {"ppc64el", "ppc64le", ""},
                                                     {"mips64", "mips64le", ""},
                                                     {"mips64el", "mips64le", ""},
                                                     {"mips", "mipsle", ""},
                                                     {"mipsel", "mipsle", ""},
                                                     {"loongarch64", "loong64", ""}}};

Platform named_machine(std::string_view name) {
    for (const MachineName& known : kMachineNames)
        if (known.alias == name)
            return {std::string{known.architecture}, "linux", std::string{known.variant}};
    return {std::string{name}, "linux", ""};
}

std::string usual_variant(std::string_view architecture) {
    if (architecture == "arm64") return "v8";
    if (architecture == "arm") return "v7";
    if (architecture == "amd64") return "v1";
    return {};
}

Platform normal(Platform platform) {
    if (platform.variant.empty()) platform.variant = usual_variant(platform.architecture);
    return platform;
}

// The platform and its older variants, newest first: v3, v2, v1.
void add_family(Platform newest, int oldest, std::vector<Platform>& result) {
    const auto number =
        newest.variant.empty() ? std::nullopt : parse_int(std::string_view{newest.variant}.substr(1));
    result.push_back(newest);
    for (long long older = number.value_or(0) - 1; older >= oldest; --older) {
        newest.variant = fmt::format("v{}", older);
        result.push_back(newest);
    }
}

bool is_word(std::string_view text) {
    return !text.empty() && text.size() <= 32 && text.front() != '.' && text.front() != '-' &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == std::string_view::npos;
}

}  // namespace

Platform host_platform() {
    utsname names{};
    if (::uname(&names) != 0) throw_errno("ask for the machine's architecture");
    return named_machine(names.machine);
}

Platform parse_platform(std::string_view text) {
    const std::vector<std::string> parts = split(to_lower(text), '/');
    if (parts.empty() || parts.size() > 3 || !std::all_of(parts.begin(), parts.end(), is_word))
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a platform", text)}.with_hint(
            "write it as os/architecture[/variant], such as linux/arm64 or linux/arm/v7");
    if (parts.size() == 1) {
        const bool system = parts[0] == "linux" || parts[0] == "windows" || parts[0] == "darwin";
        Platform platform = system ? host_platform() : named_machine(parts[0]);
        if (system) platform.os = parts[0];
        return platform;
    }
    Platform platform = named_machine(parts[1]);
    platform.os = parts[0];
    if (parts.size() == 3) platform.variant = parts[2];
    return platform;
}

std::string platform_text(const Platform& platform) {
    if (platform.architecture.empty()) return "unknown";
    std::string text = platform.os + '/' + platform.architecture;
    return platform.variant.empty() ? text : text + '/' + platform.variant;
}

bool same_platform(const Platform& a, const Platform& b) {
    return normal(a) == normal(b);
}

std::vector<Platform> platforms_run_by(const Platform& wanted) {
    const Platform machine = normal(wanted);
    std::vector<Platform> result;
    if (machine.architecture == "amd64") {
        add_family(machine, 1, result);
        result.push_back({"386", machine.os, ""});
    } else if (machine.architecture == "arm64") {
        add_family(machine, 8, result);
        add_family({"arm", machine.os, "v8"}, 5, result);
    } else if (machine.architecture == "arm") {
        add_family(machine, 5, result);
    } else {
        result.push_back(machine);
    }
    return result;
}

}  // namespace stack
