// Device nodes of the host that a service is given: by `devices`, or all of them by `privileged`.
#pragma once

#include "manager/compose/model.hpp"
#include "runtime/container_spec.hpp"

#include <vector>

namespace stack::engine {

struct GrantedDevices {
    std::vector<DeviceSpec> nodes;
    std::vector<DeviceRule> rules;
};

/// What `devices` names by path: a node, or every node below a directory, with the owner, mode and number that it has now. Throws
/// Error(not_found, invalid_input) at the entry's position.
GrantedDevices granted_devices(const compose::Service& service);

/// Adds every node below /dev, under its own name where `nodes` has none of that name yet; not those that a container has
/// its own of (terminals, shared memory, message queues).
void add_all_host_devices(std::vector<DeviceSpec>& nodes);

}  // namespace stack::engine
