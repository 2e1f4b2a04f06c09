#include "runtime/capabilities.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <strings.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack {

const std::vector<std::string>& capability_names() {
    static const std::vector<std::string> kNames{"CAP_CHOWN",
                                                 "CAP_DAC_OVERRIDE",
                                                 "CAP_DAC_READ_SEARCH",
                                                 "CAP_FOWNER",
                                                 "CAP_FSETID",
                                                 "CAP_KILL",
                                                 "CAP_SETGID",
                                                 "CAP_SETUID",
                                                 "CAP_SETPCAP",
                                                 "CAP_LINUX_IMMUTABLE",
                                                 "CAP_NET_BIND_SERVICE",
                                                 "CAP_NET_BROADCAST",
                                                 "CAP_NET_ADMIN",
                                                 "CAP_NET_RAW",
                                                 "CAP_IPC_LOCK",
                                                 "CAP_IPC_OWNER",
                                                 "CAP_SYS_MODULE",
                                                 "CAP_SYS_RAWIO",
                                                 "CAP_SYS_CHROOT",
                                                 "CAP_SYS_PTRACE",
                                                 "CAP_SYS_PACCT",
                                                 "CAP_SYS_ADMIN",
                                                 "CAP_SYS_BOOT",
                                                 "CAP_SYS_NICE",
                                                 "CAP_SYS_RESOURCE",
                                                 "CAP_SYS_TIME",
                                                 "CAP_SYS_TTY_CONFIG",
                                                 "CAP_MKNOD",
                                                 "CAP_LEASE",
                                                 "CAP_AUDIT_WRITE",
                                                 "CAP_AUDIT_CONTROL",
                                                 "CAP_SETFCAP",
                                                 "CAP_MAC_OVERRIDE",
                                                 "CAP_MAC_ADMIN",
                                                 "CAP_SYSLOG",
                                                 "CAP_WAKE_ALARM",
                                                 "CAP_BLOCK_SUSPEND",
                                                 "CAP_AUDIT_READ",
                                                 "CAP_PERFMON",
                                                 "CAP_BPF",
                                                 "CAP_CHECKPOINT_RESTORE"};
    return kNames;
}

namespace {

// Upper case or not. Asked a hundred times for a container: without a copy.
bool same_letters(std::string_view left, std::string_view right) {
    return left.size() == right.size() && ::strncasecmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace

std::optional<int> capability_number(std::string_view name) {
    constexpr std::size_t kPrefix = 4;  // "CAP_"
    if (same_letters(name.substr(0, kPrefix), "CAP_")) name.remove_prefix(kPrefix);
    const std::vector<std::string>& names = capability_names();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (same_letters(std::string_view{names[i]}.substr(kPrefix), name)) return static_cast<int>(i);
    return std::nullopt;
}

std::uint64_t capability_mask(const std::vector<std::string>& names, int last_capability) {
    std::uint64_t mask = 0;
    for (const std::string& name : names) {
        const std::optional<int> number = capability_number(name);
        if (!number) {
            Error error{ErrorKind::invalid_input, fmt::format("there is no capability \"{}\"", name)};
            std::string wanted = to_lower(name);
            if (!wanted.starts_with("cap_")) wanted.insert(0, "cap_");
            std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](char c) {
                return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
            });
            if (const auto near = nearest(wanted, capability_names()))
                error.with_hint(fmt::format("did you mean {}?", near->substr(4)));
            throw error;
        }
        if (*number <= last_capability) mask |= std::uint64_t{1} << *number;
    }
    return mask;
}

}  // namespace stack
