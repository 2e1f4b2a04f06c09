// Namespaces that a service has in common with another container: `service:NAME` and `container:NAME` of the keys pid, ipc and
// network_mode. Which container is meant, and its namespaces as descriptors.
#pragma once

#include "manager/engine/engine.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/launcher.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stack::engine {

/// A running container as far as it can share.
struct NamespaceOwner {
    const ContainerRecord* record = nullptr;
    const ProcessHandle* init = nullptr;
};
/// What `container` and its modes mean among `running`: the lowest number of a service. Nothing when `mode` names no other
/// container. Throws Error(conflict) at the key's place when it names one that does not run, or has a user namespace of its own.
std::optional<NamespaceOwner> find_owner(const ContainerRecord& container, const char* key,
                                         const std::string& mode, const std::vector<NamespaceOwner>& running);

/// The container whose network, and host names, this one has; `others` are the project's records. nullptr: its own, or a missing
/// one's. Follows owners that share themselves.
const ContainerRecord* network_owner(const ContainerRecord& container,
                                     const std::vector<ContainerRecord>& others);
/// Whether `network_mode`, or any of the three keys, names another container.
bool shares_network(const compose::Service& service);
bool shares_namespaces(const compose::Service& service);

/// Descriptors of what is shared, for one launch.
struct SharedNamespaces {
    UniqueFd pid, ipc, shared_memory, network;
    /// Adds them to what the new process gets.
    void give_to(LaunchFds& fds) const;
};
/// Throws as find_owner, and Error(conflict) when the ipc namespace is shared with nobody.
SharedNamespaces open_shared_namespaces(const ContainerRecord& container,
                                        const std::vector<NamespaceOwner>& running);

}  // namespace stack::engine
