// Which user namespaces idmapped mounts need: the parent makes them beforehand, and the child gets them as the input slots
// "idmap0", …. Private to the builders and the launcher.
#pragma once

#include "runtime/program_builder.hpp"

#include <optional>
#include <vector>

namespace stack {

/// Maps of ids for idmapped mounts.
struct IdMaps {
    std::vector<IdMapping> uids, gids;
    bool operator==(const IdMaps&) const = default;
};
/// The maps that the spec's mounts and the layers of its root need a user namespace for, each once, in a stable order.
/// Throws Error(invalid_input) for a mount with one kind of map only.
std::vector<IdMaps> wanted_id_maps(const ContainerSpec& spec);
/// Those of a mount, its own or the container's; nullopt when it is not idmapped, or by a user namespace that is joined.
std::optional<IdMaps> id_maps_of(const ContainerSpec& spec, const MountSpec& mount);
/// Those of the container's own user namespace; nullopt when it has none, or joins one.
std::optional<IdMaps> container_id_maps(const ContainerSpec& spec);
/// Whether the layers of the root are to be seen with the ids of the container's user namespace.
bool has_mapped_layers(const ContainerSpec& spec);

/// The slot of the user namespace with these maps; without maps, of the one that the container joins. Throws
/// Error(invalid_input) when it has none.
Slot id_map_slot(ProgramBuilder& builder, const ContainerSpec& spec, const std::optional<IdMaps>& maps);

}  // namespace stack
