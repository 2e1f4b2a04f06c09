#include "runtime/id_map_plan.hpp"

#include "runtime/mount_options.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack {

namespace {

// One that exists serves for idmapped mounts as it is; the spec's mappings then only tell what it maps.
bool joins_user_namespace(const ContainerSpec& spec) {
    const NamespaceSpec* user = find_namespace(spec, NamespaceKind::user);
    return user && !user->path.empty();
}

}  // namespace

std::optional<IdMaps> id_maps_of(const ContainerSpec& spec, const MountSpec& mount) {
    if (mount.uid_mappings.empty() != mount.gid_mappings.empty())
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the mount on {} has mappings of uids or of gids only", mount.destination)};
    if (!mount.uid_mappings.empty()) return IdMaps{mount.uid_mappings, mount.gid_mappings};
    const MountOptions options = parse_mount_options(mount.type, mount.options);
    if (!options.id_mapped) return std::nullopt;
    return container_id_maps(spec);
}

std::optional<IdMaps> container_id_maps(const ContainerSpec& spec) {
    if (spec.uid_mappings.empty() || joins_user_namespace(spec)) return std::nullopt;
    return IdMaps{spec.uid_mappings, spec.gid_mappings};
}

std::vector<IdMaps> wanted_id_maps(const ContainerSpec& spec) {
    std::vector<IdMaps> wanted;
    const auto want = [&](const IdMaps& maps) {
        if (std::find(wanted.begin(), wanted.end(), maps) == wanted.end()) wanted.push_back(maps);
    };
    if (const auto own = container_id_maps(spec); own && has_mapped_layers(spec)) want(*own);
    for (const MountSpec& mount : spec.mounts)
        if (const std::optional<IdMaps> maps = id_maps_of(spec, mount)) want(*maps);
    return wanted;
}

bool has_mapped_layers(const ContainerSpec& spec) {
    const NamespaceSpec* user = find_namespace(spec, NamespaceKind::user);
    return !spec.root.lower.empty() && user && (user->path.empty() || !spec.uid_mappings.empty());
}

Slot id_map_slot(ProgramBuilder& builder, const ContainerSpec& spec, const std::optional<IdMaps>& maps) {
    if (maps) {
        const std::vector<IdMaps> all = wanted_id_maps(spec);
        return builder.input(fmt::format("idmap{}", std::find(all.begin(), all.end(), *maps) - all.begin()));
    }
    if (!joins_user_namespace(spec))
        throw Error{ErrorKind::invalid_input, "an idmapped mount needs mappings, its own or the container's"};
    const std::string& path = find_namespace(spec, NamespaceKind::user)->path;
    if (const Slot given = builder.input(path); given.valid()) return given;
    const Slot slot = builder.new_slot("ids");
    builder.add(step::OpenNamespace{path, slot});
    return slot;
}

}  // namespace stack
