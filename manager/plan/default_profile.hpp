// What every container gets unless its service says otherwise: mounts, masked paths, capabilities, device
// rules. The lists are Docker's (its images expect them) less CAP_NET_RAW. Values only.
#pragma once

#include "runtime/container_spec.hpp"

#include <string>
#include <vector>

namespace stack::plan {

/// /proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys, /sys/fs/cgroup, in this order.
std::vector<MountSpec> default_mounts();
const std::vector<std::string>& default_masked_paths();
const std::vector<std::string>& default_readonly_paths();
/// Deny all, then mknod of anything, then use of the harmless ones.
std::vector<DeviceRule> default_device_rules();

/// Names with the CAP_ prefix, sorted.
const std::vector<std::string>& default_capabilities();
const std::vector<std::string>& all_capabilities();
/// The default set changed by `cap_add` and `cap_drop` (names with or without CAP_, any case, or ALL). Drops
/// beat the default set, adds beat drops, `cap_drop: ALL` leaves the adds alone. Throws Error(invalid_input)
/// with a suggestion.
CapabilitySets capability_sets(const std::vector<std::string>& add, const std::vector<std::string>& drop);

}  // namespace stack::plan
