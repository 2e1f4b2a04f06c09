// What every container gets unless its service says otherwise, beside runtime/container_defaults.hpp: device rules, as
// images made for Docker expect them. Values only.
#pragma once

#include "runtime/container_spec.hpp"

#include <vector>

namespace stack::plan {

/// Deny all, then mknod of anything, then use of the harmless ones: null zero full random urandom tty console
/// ptmx pts.
std::vector<DeviceRule> default_device_rules();

}  // namespace stack::plan
