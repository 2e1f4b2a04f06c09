#include "manager/engine/own_namespaces.hpp"

#include "runtime/id_maps.hpp"

#include <utility>

namespace stack::engine {

UserNamespace make_user_namespace(const ContainerIds& ids) {
    OwnedNetwork made = make_owned_network({{0, ids.uid_first, ids.size}}, {{0, ids.gid_first, ids.size}});
    return {std::move(made.user), std::move(made.network)};
}

}  // namespace stack::engine
