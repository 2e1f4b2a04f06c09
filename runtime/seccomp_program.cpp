#include "runtime/seccomp_program.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/seccomp_words.hpp"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr std::uint32_t kMaxErrno = 4095;  // the kernel cuts what is above
constexpr std::uint32_t kX32Bit = 0x40000000;
constexpr std::uint32_t kFlagsOfListenersOnly = 1U << 5;  // WAIT_KILLABLE_RECV

// Owns libseccomp's filter.
class FilterContext {
  public:
    explicit FilterContext(std::uint32_t default_action) : context_{::seccomp_init(default_action)} {
        if (!context_) throw Error{ErrorKind::failed, "seccomp: libseccomp can't make a filter"};
    }
    FilterContext(const FilterContext&) = delete;
    FilterContext& operator=(const FilterContext&) = delete;
    ~FilterContext() { ::seccomp_release(context_); }
    [[nodiscard]] scmp_filter_ctx get() const { return context_; }

  private:
    scmp_filter_ctx context_;
};

std::uint32_t action_value(const std::string& name, std::optional<std::uint32_t> errno_ret,
                           std::string_view what) {
    const std::uint32_t action = seccomp_word(seccomp_actions(), what, name);
    const bool has_errno = action == SCMP_ACT_ERRNO(0) || action == SCMP_ACT_TRACE(0);
    if (!has_errno && errno_ret)
        throw Error{ErrorKind::invalid_input, fmt::format("seccomp: {} {} takes no errno", what, name)};
    if (!has_errno) return action;
    const std::uint32_t value = errno_ret.value_or(EPERM);
    if (value > kMaxErrno)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("seccomp: {} is no errno; they are 0 to {}", value, kMaxErrno)};
    return action | value;
}

bool is_lenient(std::uint32_t action) {
    return action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG;
}

class ProfileCompiler {
  public:
    explicit ProfileCompiler(const SeccompProfile& profile)
        : profile_{profile},
          default_action_{action_value(profile.default_action, profile.default_errno_ret, "default action")},
          context_{default_action_},
          notifies_{default_action_ == SCMP_ACT_NOTIFY} {}

    SeccompFilter compile() {
        add_architectures();
        for (const SeccompRule& rule : profile_.syscalls) add_rule(rule);
        SeccompFilter filter;
        filter.code = head();
        const std::vector<BpfInstruction> body = exported();
        filter.code.insert(filter.code.end(), body.begin(), body.end());
        if (filter.code.size() > BPF_MAXINSNS)
            throw Error{
                ErrorKind::not_supported,
                fmt::format("the seccomp profile makes a filter of {} instructions; the kernel takes {}",
                            filter.code.size(), BPF_MAXINSNS)}
                .with_hint("fewer architectures or fewer conditions on arguments make it shorter");
        filter.notifies = notifies_;
        filter.flags = flags();
        return filter;
    }

  private:
    void add_architectures() {
        architectures_.push_back(::seccomp_arch_native());
        for (const std::string& name : profile_.architectures) {
            const std::uint32_t architecture = seccomp_word(seccomp_architectures(), "architecture", name);
            if (std::find(architectures_.begin(), architectures_.end(), architecture) != architectures_.end())
                continue;
            const int result = ::seccomp_arch_add(context_.get(), architecture);
            if (result != 0)
                throw Error::from_errno(-result,
                                        fmt::format("seccomp: add architecture {} to the native one", name))
                    .with_hint("a filter holds architectures of one byte order only");
            architectures_.push_back(architecture);
        }
    }

    void add_rule(const SeccompRule& rule) {
        const std::uint32_t action = action_value(rule.action, rule.errno_ret, "action");
        const std::vector<scmp_arg_cmp> conditions = conditions_of(rule);
        for (const std::string& name : rule.names) {
            note_number(name);
            if (action == default_action_) continue;
            const int number = ::seccomp_syscall_resolve_name(name.c_str());
            if (number == __NR_SCMP_ERROR) {
                add_young(name, action, conditions);
                continue;
            }
            notifies_ |= action == SCMP_ACT_NOTIFY;
            if (!repeats_an_argument(conditions)) {
                add(name, action, number, conditions);
                continue;
            }
            for (const scmp_arg_cmp& condition : conditions) add(name, action, number, {condition});
        }
    }

    void add(const std::string& name, std::uint32_t action, int number,
             const std::vector<scmp_arg_cmp>& conditions) {
        const int result =
            ::seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(conditions.size()),
                                     conditions.empty() ? nullptr : conditions.data());
        if (result != 0 && result != -EEXIST)
            throw Error::from_errno(-result, fmt::format("seccomp: add a rule for {}", name))
                .with_hint("it contradicts another rule of the profile, or its conditions can't be met");
    }

    // libseccomp can't translate a number that it has no name for, and spoils its filter when it is asked to.
    void add_young(const std::string& name, std::uint32_t action,
                   const std::vector<scmp_arg_cmp>& conditions) {
        const std::optional<int> number = young_syscall_number(name);
        if (!number) return;
        if (!conditions.empty()) {
            if (action == SCMP_ACT_ALLOW) return;  // then it gets what the profile does by default
            throw Error{
                ErrorKind::not_supported,
                fmt::format("seccomp: {} can't be ruled by its arguments: the libseccomp here does not "
                            "know it",
                            name)};
        }
        notifies_ |= action == SCMP_ACT_NOTIFY;
        young_.emplace(static_cast<std::uint32_t>(*number), action);
    }

    static std::vector<scmp_arg_cmp> conditions_of(const SeccompRule& rule) {
        std::vector<scmp_arg_cmp> conditions;
        for (const SeccompArgument& argument : rule.arguments) {
            if (argument.index > 5)
                throw Error{ErrorKind::invalid_input,
                            fmt::format("seccomp: there is no argument {}; they are 0 to 5", argument.index)};
            scmp_arg_cmp condition{};
            condition.arg = argument.index;
            condition.op =
                static_cast<scmp_compare>(seccomp_word(seccomp_operators(), "operator", argument.op));
            condition.datum_a = argument.value;
            condition.datum_b = argument.value_two;
            conditions.push_back(condition);
        }
        return conditions;
    }

    static bool repeats_an_argument(const std::vector<scmp_arg_cmp>& conditions) {
        std::array<int, 6> count{};
        return std::any_of(conditions.begin(), conditions.end(),
                           [&count](const scmp_arg_cmp& condition) { return ++count[condition.arg] > 1; });
    }

    void note_number(const std::string& name) {
        last_numbers_.resize(architectures_.size(), 0);
        for (std::size_t i = 0; i < architectures_.size(); ++i)
            if (const auto number = syscall_number(architectures_[i], name))
                last_numbers_[i] = std::max(last_numbers_[i], static_cast<std::uint32_t>(*number));
    }

    // What libseccomp has no names for: the young calls, and ENOSYS beyond each architecture's last call that the profile
    // names. x32's numbers carry a bit that makes them large; they are judged by what libseccomp made.
    std::vector<BpfInstruction> head() {
        std::vector<BpfInstruction> code;
        last_numbers_.resize(architectures_.size(), 0);
        for (std::size_t i = 0; i < architectures_.size(); ++i) {
            if (last_numbers_[i] == 0 || !has_common_numbers(architectures_[i])) continue;
            std::vector<BpfInstruction> own;
            own.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)});
            for (const auto& [number, action] : young_) {
                own.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number});
                own.push_back({BPF_RET | BPF_K, 0, 0, action});
            }
            if (!is_lenient(default_action_)) {
                own.push_back({BPF_JMP | BPF_JGE | BPF_K, 2, 0, kX32Bit});
                own.push_back({BPF_JMP | BPF_JGT | BPF_K, 0, 1, last_numbers_[i]});
                own.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS});
            }
            code.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, arch)});
            code.push_back(
                {BPF_JMP | BPF_JEQ | BPF_K, 0, static_cast<std::uint8_t>(own.size()), architectures_[i]});
            code.insert(code.end(), own.begin(), own.end());
        }
        return code;
    }

    // Most architectures number calls since 5.1 alike; x32 and MIPS add something.
    static bool has_common_numbers(std::uint32_t architecture) {
        constexpr int kLandlockRestrictSelf = 446;
        return ::seccomp_syscall_resolve_name_arch(architecture, "landlock_restrict_self") ==
               kLandlockRestrictSelf;
    }

    std::vector<BpfInstruction> exported() {
        const UniqueFd file{::memfd_create("seccomp", MFD_CLOEXEC)};
        if (!file.valid()) throw_errno("make a file in memory for the seccomp filter");
        const int result = ::seccomp_export_bpf(context_.get(), file.get());
        if (result != 0) throw Error::from_errno(-result, "seccomp: build the filter");
        const off_t size = ::lseek(file.get(), 0, SEEK_END);
        std::vector<BpfInstruction> code(static_cast<std::size_t>(size) / sizeof(BpfInstruction));
        const std::size_t bytes = code.size() * sizeof(BpfInstruction);
        if (::pread(file.get(), code.data(), bytes, 0) != static_cast<ssize_t>(bytes))
            throw_errno("read the seccomp filter back");
        return code;
    }

    [[nodiscard]] std::uint32_t flags() const {
        std::uint32_t flags = 0;
        for (const std::string& name : profile_.flags) {
            const std::uint32_t flag = seccomp_word(seccomp_flags(), "flag", name);
            if ((flag & kFlagsOfListenersOnly) != 0 && !notifies_)
                throw Error{ErrorKind::invalid_input,
                            fmt::format("seccomp: {} is for profiles with SCMP_ACT_NOTIFY", name)};
            flags |= flag;
        }
        return flags;
    }

    const SeccompProfile& profile_;
    std::uint32_t default_action_;
    FilterContext context_;
    bool notifies_;
    std::vector<std::uint32_t> architectures_;
    std::vector<std::uint32_t> last_numbers_;       // by architecture
    std::map<std::uint32_t, std::uint32_t> young_;  // number -> action
};

}  // namespace

bool asks_listener(const SeccompProfile& profile) {
    constexpr const char* kNotify = "SCMP_ACT_NOTIFY";
    return profile.default_action == kNotify ||
           std::any_of(profile.syscalls.begin(), profile.syscalls.end(),
                       [](const SeccompRule& rule) { return rule.action == kNotify; });
}

SeccompFilter compile_profile(const SeccompProfile& profile) {
    static_assert(sizeof(BpfInstruction) == sizeof(sock_filter));
    return ProfileCompiler{profile}.compile();
}

}  // namespace stack
