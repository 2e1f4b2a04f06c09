// Making, opening and removing the directories of a cgroup in its hierarchies. Part of the cgroup implementation.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/cgroup_layout.hpp"

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace stack::cgroup_tree {

/// The parts of `/a/b`. Throws Error(invalid_input) for what is not below the root, has `.`, `..` or empty parts.
std::vector<std::string> components(const std::string& path);

enum class Kind { v1, v2 };

struct MadeDirectory {
    UniqueFd dir;
    bool created = false;  ///< the last component was not there before
};
/// Makes the path below a mount point, on v2 with the controllers switched on in each ancestor. Another command may
/// remove an empty parent at the same moment, so ENOENT starts over. Throws Error.
MadeDirectory make(const std::string& mount, const std::vector<std::string>& parts, Kind kind,
                   const std::vector<std::string>& controllers);
/// The same on v1 when only the last part is missing, and without opening it: true when it was made. False: it takes the walk of
/// `make`.
bool make_last_part(const std::string& mount, const std::string& path,
                    const std::vector<std::string>& controllers);
/// Invalid with errno set when it isn't there.
UniqueFd open(const std::string& mount, const std::string& path);
/// rmdir below a mount point, children first. 0 or the errno that stands in the way. A group that a container
/// nested deeper than 256 levels is reported as ELOOP rather than followed.
int remove(const std::string& mount, const std::string& path);

/// Mount point -> the v1 controllers on it (cpu and cpuacct often share one).
std::map<std::string, std::vector<std::string>> v1_by_mount(const CgroupLayout& layout);

/// Process ids in the group and below it, sorted.
std::vector<pid_t> processes(int dir);

}  // namespace stack::cgroup_tree
