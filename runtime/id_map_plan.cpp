#include "runtime/id_map_plan.hpp"

#include "runtime/mount_options.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack {

std::optional<IdMaps> id_maps_of(const ContainerSpec& spec, const MountSpec& mount) {
    if (mount.uid_mappings.empty() != mount.gid_mappings.empty())
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the mount on {} has mappings of uids or of gids only", mount.destination)};
    if (!mount.uid_mappings.empty()) return IdMaps{mount.uid_mappings, mount.gid_mappings};
    const MountOptions options = parse_mount_options(mount.type, mount.options);
    if (!options.id_mapped || spec.uid_mappings.empty()) return std::nullopt;
    return IdMaps{spec.uid_mappings, spec.gid_mappings};
}

std::vector<IdMaps> wanted_id_maps(const ContainerSpec& spec) {
    std::vector<IdMaps> wanted;
    const auto want = [&](const IdMaps& maps) {
        if (std::find(wanted.begin(), wanted.end(), maps) == wanted.end()) wanted.push_back(maps);
    };
    if (has_mapped_layers(spec)) want({spec.uid_mappings, spec.gid_mappings});
    for (const MountSpec& mount : spec.mounts)
        if (const std::optional<IdMaps> maps = id_maps_of(spec, mount)) want(*maps);
    return wanted;
}

bool has_mapped_layers(const ContainerSpec& spec) {
    return !spec.root.lower.empty() &&
           std::any_of(spec.namespaces.begin(), spec.namespaces.end(), [](const NamespaceSpec& entry) {
               return entry.kind == NamespaceKind::user && entry.path.empty();
           });
}

Slot id_map_slot(ProgramBuilder& builder, const ContainerSpec& spec, const std::optional<IdMaps>& maps) {
    if (maps) {
        const std::vector<IdMaps> all = wanted_id_maps(spec);
        return builder.input(fmt::format("idmap{}", std::find(all.begin(), all.end(), *maps) - all.begin()));
    }
    for (const NamespaceSpec& entry : spec.namespaces) {
        if (entry.kind != NamespaceKind::user || entry.path.empty()) continue;
        if (const Slot given = builder.input(entry.path); given.valid()) return given;
        const Slot slot = builder.new_slot("ids");
        builder.add(step::OpenNamespace{entry.path, slot});
        return slot;
    }
    throw Error{ErrorKind::invalid_input, "an idmapped mount needs mappings, its own or the container's"};
}

}  // namespace stack
