// Namespaces that are a container's own and outlive its processes.
#pragma once

#include "manager/engine/id_ranges.hpp"
#include "runtime/base/fd.hpp"

namespace stack::engine {

/// Descriptors for one launch, borrowed; -1: not its own.
struct OwnNamespaces {
    int network = -1;
    int user = -1;  ///< which `network` belongs to
};

/// Both made at once: a network namespace belongs to the user namespace that it was made in, for good.
struct UserNamespace {
    UniqueFd user;
    UniqueFd network;  ///< nothing in it is set up
};
/// With the ids 0 … size-1 inside. Throws Error.
UserNamespace make_user_namespace(const ContainerIds& ids);

}  // namespace stack::engine
