// AppArmor profiles and SELinux labels: what a host must have so that they can be asked for.
#pragma once

#include "runtime/container_spec.hpp"

#include <string>

namespace stack {

/// Ask the kernel; files of /sys are read.
bool host_has_apparmor();
bool host_has_selinux();

[[nodiscard]] inline bool has_exec_label(const ProcessSpec& process) {
    return !process.apparmor_profile.empty() || !process.selinux_label.empty();
}
/// Throws Error(not_supported) for what this host does not have; looks at it only then. A confinement that was asked for and is
/// not there is no small matter, so it is never passed over.
void check_labels(const ProcessSpec& process, const std::string& mount_label);

}  // namespace stack
