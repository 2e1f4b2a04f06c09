// What the `mounts` of a spec ask for, read and checked: which of them are those that nearly every container has, made here
// in an order and a way of their own, and which are like any other. Pure; private to the builders.
#pragma once

#include "runtime/container_spec.hpp"
#include "runtime/mount_options.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

struct MountRequest {
    const MountSpec* spec = nullptr;  ///< null: nothing is said
    std::string destination;          ///< clean
    MountOptions options;
};

/// A later mount covers an earlier one on the same place or below; what is covered is not in here.
struct MountRequests {
    MountRequest proc, dev, pts, shm, mqueue, sys;
    MountRequest cgroup;               ///< on /sys/fs/cgroup, the view of one's own control groups
    std::vector<MountRequest> others;  ///< in the spec's order
    /// True when one of the others is mounted exactly there.
    [[nodiscard]] bool is_taken(std::string_view destination) const;
};

/// `mounts` must outlive the result. Throws Error(invalid_input, not_supported) with the entry's origin as position.
MountRequests read_mounts(const std::vector<MountSpec>& mounts);

/// Cleans a path of the spec: absolute, single slashes, no `.`, no slash at the end. Throws Error(invalid_input) on `..`.
std::string clean_container_path(const std::string& path, const std::string& what);
/// `file:line:column` as MountSpec::origin has it.
std::optional<SourcePosition> parse_origin(const std::string& origin);

}  // namespace stack
