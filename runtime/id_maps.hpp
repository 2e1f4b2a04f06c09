// Id maps of user namespaces, written from outside, and user namespaces that nobody is in.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/container_spec.hpp"

#include <sys/types.h>

#include <vector>

namespace stack {

/// Both maps of the namespace that the process was born into. Without the privilege to map others' ids newuidmap(1) and
/// newgidmap(1) do it, by what /etc/subuid and /etc/subgid allow. Throws Error.
void write_id_maps_in_parent(pid_t pid, const std::vector<IdMapping>& uids,
                             const std::vector<IdMapping>& gids);

/// A user namespace that nobody is in, for idmapped mounts. Throws Error.
UniqueFd make_id_map_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

/// A user namespace that nobody is in yet, and a network namespace that belongs to it: whoever has a capability in the one
/// has it over the other.
struct OwnedNetwork {
    UniqueFd user, network;
};
/// Throws Error.
OwnedNetwork make_owned_network(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

}  // namespace stack
