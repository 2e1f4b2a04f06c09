// What the `mounts` of a spec ask for, read and checked: which of them only set options of a mount that every container
// has anyway, and which are mounts of their own. Pure; private to the builders.
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

struct MountRequests {
    MountRequest proc, dev, pts, shm, mqueue, sys;  ///< options for what every container has
    bool writable_cgroups = false;                  ///< the view of its control groups is asked for with `rw`
    std::vector<MountRequest> others;               ///< in the spec's order
    /// True when something else is mounted exactly there, and so takes a built-in mount's place.
    [[nodiscard]] bool take(std::string_view destination) const;
};

/// `mounts` must outlive the result. Throws Error(invalid_input, not_supported) with the entry's origin as position.
MountRequests read_mounts(const std::vector<MountSpec>& mounts);

/// Cleans a path of the spec: absolute, single slashes, no `.`, no slash at the end. Throws Error(invalid_input) on `..`.
std::string clean_container_path(const std::string& path, const std::string& what);
/// `file:line:column` as MountSpec::origin has it.
std::optional<SourcePosition> parse_origin(const std::string& origin);

}  // namespace stack
