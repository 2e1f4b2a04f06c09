// The lines of `events`: statistics and notices of one container, with the names and in the layout of runc, which
// containerd, podman and cadvisor read.
#pragma once

#include "runtime/cgroup_stats.hpp"

#include <string>

namespace stack::oci {

/// `{"type":"stats","id":…,"data":{…}}` without a newline. Times are nanoseconds, sizes bytes; an unlimited limit is
/// 2^64-1, and for processes left out. What nobody counts is left out.
std::string stats_event(const std::string& id, const CgroupStats& stats);
/// `{"type":"oom","id":…}`: the kernel's out-of-memory killer has worked in the container.
std::string oom_event(const std::string& id);

}  // namespace stack::oci
