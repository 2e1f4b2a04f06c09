#include "runtime/security_labels.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <fmt/format.h>

namespace stack {

bool host_has_apparmor() {
    return trim(read_file_if_exists("/sys/module/apparmor/parameters/enabled").value_or("")) == "Y";
}

bool host_has_selinux() {
    return path_exists("/sys/fs/selinux/enforce");
}

void check_labels(const ProcessSpec& process, const std::string& mount_label) {
    if (!process.apparmor_profile.empty() && !host_has_apparmor())
        throw Error{ErrorKind::not_supported,
                    fmt::format("the AppArmor profile \"{}\" can't be used: this host has no AppArmor",
                                process.apparmor_profile)}
            .with_hint("its kernel lacks it, or it is switched off");
    const std::string& label = process.selinux_label.empty() ? mount_label : process.selinux_label;
    if (!label.empty() && !host_has_selinux())
        throw Error{ErrorKind::not_supported,
                    fmt::format("the SELinux label \"{}\" can't be used: this host has no SELinux", label)}
            .with_hint("its kernel lacks it, or it is switched off");
}

}  // namespace stack
