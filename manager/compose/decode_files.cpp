// services.*: volumes and tmpfs, secrets and configs.
#include "manager/compose/decode.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/short_syntax.hpp"

namespace stack::compose {

namespace {

// nullopt for a type that the model doesn't know.
std::optional<VolumeMount> decode_mount(const Node& map) {
    VolumeMount mount;
    const std::string type = member_text(map, "type");
    if (type == "bind")
        mount.type = VolumeMount::Type::bind;
    else if (type == "tmpfs")
        mount.type = VolumeMount::Type::tmpfs;
    else if (type != "volume")
        return std::nullopt;
    mount.source = member_text(map, "source");
    mount.target = member_text(map, "target");
    mount.read_only = boolean_value(map.find("read_only")).value_or(false);
    const Node* options = usable_member(map, type);
    if (!options) return mount;
    switch (mount.type) {
        case VolumeMount::Type::bind:
            mount.create_host_path = boolean_value(options->find("create_host_path")).value_or(true);
            mount.propagation = member_text(*options, "propagation");
            break;
        case VolumeMount::Type::volume:
            mount.nocopy = boolean_value(options->find("nocopy")).value_or(false);
            mount.subpath = member_text(*options, "subpath");
            break;
        case VolumeMount::Type::tmpfs:
            if (const auto size = bytes_value(options->find("size")))
                mount.tmpfs_size_bytes = static_cast<std::uint64_t>(*size);
            mount.tmpfs_mode = octal_value(options->find("mode"));
            break;
    }
    return mount;
}

}  // namespace

std::vector<VolumeMount> decode_mounts(const Tree& tree, const Node& service) {
    std::vector<VolumeMount> result;
    const auto add = [&](std::optional<VolumeMount> mount, const Node& item) {
        if (!mount) return;
        mount->position = tree.position(item);
        result.push_back(std::move(*mount));
    };
    if (const Node* list = usable_member(service, "volumes"))
        for (const Entry& entry : list->items())
            if (is_usable(entry.value)) add(decode_mount(*entry.value), *entry.value);
    if (const Node* list = usable_member(service, "tmpfs"))
        for (const Entry& entry : list->items()) {
            Parsed<VolumeMount> parsed = parse_tmpfs(entry.value->text);
            if (auto* mount = std::get_if<VolumeMount>(&parsed)) add(std::move(*mount), *entry.value);
        }
    return result;
}

std::vector<FileGrant> decode_grants(const Tree& tree, const Node& list) {
    std::vector<FileGrant> result;
    for (const Entry& entry : list.items()) {
        const Node& map = *entry.value;
        if (!is_usable(&map)) continue;
        result.push_back({member_text(map, "source"), member_text(map, "target"), member_text(map, "uid"),
                          member_text(map, "gid"), octal_value(map.find("mode")), tree.position(map)});
    }
    return result;
}

}  // namespace stack::compose
