// What this host and its kernel can do, probed once and passed around as a plain value, so that everything
// decided from it is a pure function and tests can play any host. Not: anything that changes while the
// program runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stack {

enum class CgroupMode {
    none,     ///< no cgroup file system is mounted
    unified,  ///< cgroup v2 alone
    hybrid,   ///< controllers on v1, v2 mounted beside them
    legacy,   ///< v1 alone
};

struct HostFacts {
    std::string kernel_release;  ///< uname -r
    int last_capability = 40;    ///< the last one that the kernel knows
    /// What this process may hand on: its bounding set.
    std::uint64_t bounding_capabilities = (std::uint64_t{1} << 41) - 1;
    bool overlay_layer_append = false;  ///< fsconfig key "lowerdir+" (Linux 6.8)
    bool cgroup_namespaces = true;
    bool time_namespaces = true;
    bool in_user_namespace = false;  ///< not the initial one: no mknod, overlay needs userxattr
    bool privileged = true;          ///< CAP_SYS_ADMIN where this process is
    CgroupMode cgroup_mode = CgroupMode::unified;
    /// v1 hierarchies and, in hybrid mode, v2: name below /sys/fs/cgroup ("memory", "cpu,cpuacct", "unified")
    /// and where the host has it mounted. Empty in unified mode.
    std::vector<std::pair<std::string, std::string>> cgroup_hierarchies;
    /// Existing /sys/devices/system/cpu/cpu*/thermal_throttle directories; they are masked (CVE-2020-8694
    /// class).
    std::vector<std::string> thermal_throttle_directories;
    bool operator==(const HostFacts&) const = default;
};

/// What need not be found out, for programs that start one container and leave.
struct HostProbes {
    bool overlay = true;                     ///< `overlay_layer_append`: false when nobody will mount layers
    std::optional<std::string> mountinfo{};  ///< of /proc/self, read already
};
/// Asks the running kernel. Never fails: what can't be found out counts as absent.
HostFacts probe_host_facts(const HostProbes& wanted = {});

}  // namespace stack
