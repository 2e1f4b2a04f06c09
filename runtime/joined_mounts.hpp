// Mount namespaces that a container joins by their path. Its tree is mounted there and takes the place of what was the root
// (pivot_root(2)), under everybody in it: so it has to be a namespace that was made for the container, with nobody in it yet.
#pragma once

#include "runtime/container_spec.hpp"

#include <string>

namespace stack {

/// The path of the mount namespace that the container joins; empty: it has a new one, or none.
std::string joined_mounts(const ContainerSpec& spec);

/// Looks at every process of this procfs. Nothing to do for a container with a new namespace. Throws Error: conflict when a
/// process is in it, be it the caller's own; not_supported beside a user namespace, whose processes could mount nothing in it.
void check_joined_mounts(const ContainerSpec& spec);

}  // namespace stack
