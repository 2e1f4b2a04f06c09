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

/// What `devices` names: a node, or every node below a directory, with the owner, mode and number that it has now. Throws
/// Error(not_found, invalid_input) at the entry's position.
GrantedDevices granted_devices(const compose::Service& service);

/// Every node below /dev but those that a container has its own of (terminals, shared memory, message queues).
std::vector<DeviceSpec> all_host_devices();

}  // namespace stack::engine
