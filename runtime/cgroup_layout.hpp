// Which cgroup hierarchies a host has mounted, as a value: cgroups(7), proc_pid_mountinfo(5).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// Which controllers a group without limits is in. `needed`: memory and processes counted, killed without a race;
/// `counting`: every v1 hierarchy that keeps statistics of a group without limits too, for whoever reads them. Costs a directory each.
enum class CgroupControllers { needed, counting };

/// Which hierarchies this host has mounted, and where. A value: computed once, passed by reference.
struct CgroupLayout {
    enum class Mode {
        none,    ///< no cgroup file system is mounted
        v1,      ///< named controllers only
        hybrid,  ///< v1 controllers and a v2 hierarchy beside them (freeze, kill, CLONE_INTO_CGROUP, device
                 ///< programs)
        v2,      ///< one unified hierarchy
    };
    Mode mode = Mode::none;
    std::string unified_mount;                     ///< mount point of the v2 hierarchy; empty: none
    std::vector<std::string> unified_controllers;  ///< `cgroup.controllers` of its root, sorted
    std::map<std::string, std::string>
        v1_mounts;  ///< controller -> mount point ("cpu" -> "/sys/fs/cgroup/cpu")
    /// Controller ("" = v2) -> a process's own cgroup; of its /proc/PID/cgroup alone.
    std::map<std::string, std::string> own_paths;
    bool operator==(const CgroupLayout&) const = default;
    [[nodiscard]] bool has_unified() const { return !unified_mount.empty(); }
};

/// Pure: from the texts of /proc/self/mountinfo, /proc/self/cgroup and the v2 root's cgroup.controllers.
CgroupLayout parse_cgroup_layout(std::string_view mountinfo, std::string_view own_cgroup,
                                 std::string_view unified_controllers);
/// The first v2 mount point in a mountinfo text; empty when there is none.
std::string find_unified_mount(std::string_view mountinfo);
/// Reads the live system, without `own_paths`. Throws Error.
CgroupLayout detect_cgroups();
/// With the text of /proc/self/mountinfo, read already.
CgroupLayout detect_cgroups(std::string_view mountinfo);

}  // namespace stack
