// services.*: volumes, devices, env_file, secrets, configs.
#include "manager/compose/canonical_values.hpp"
#include "manager/compose/node_values.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

Node* long_mount_of(const CanonicalContext& context, const Node& item, const ShortMount& mount) {
    Node* map = context.instead_of(item, NodeKind::mapping);
    context.set_text(*map, "type", mount.is_bind ? "bind" : "volume");
    if (!mount.source.empty()) context.set_text(*map, "source", mount.source);
    context.set_text(*map, "target", mount.target);
    if (mount.read_only) context.tree.set(*map, "read_only", context.plain("true", item));
    Node* options = context.tree.make_at(NodeKind::mapping, item);
    if (mount.is_bind) {
        if (!mount.propagation.empty()) context.set_text(*options, "propagation", mount.propagation);
        if (!mount.selinux.empty()) context.set_text(*options, "selinux", mount.selinux);
    } else if (mount.nocopy) {
        context.tree.set(*options, "nocopy", context.plain("true", item));
    }
    context.tree.set(*map, mount.is_bind ? "bind" : "volume", options);
    return map;
}

void complete_mount(const CanonicalContext& context, Node& map) {
    if (Node* target = usable_member(map, "target")) {
        const std::string clean = clean_path(target->text);
        if (clean != target->text) target->text = context.tree.store(clean);
    }
    const std::string type = member_text(map, "type");
    if (type != "bind" && type != "volume" && type != "tmpfs") return;
    context.set_default(map, type, context.tree.make_at(NodeKind::mapping, map));
    Node* options = map.find(type);
    if (type == "bind" && options->is_mapping())
        context.set_default(*options, "create_host_path", context.plain("true", *options));
}

}  // namespace

void mounts_form(const CanonicalContext& context, Node& list) {
    for (Entry& entry : list.items()) {
        Node& item = *entry.value;
        if (!is_usable(&item)) continue;
        if (item.is_scalar()) {
            Parsed<ShortMount> parsed = parse_mount(item.text);
            const auto* mount = context.reporter.accept(parsed, item);
            if (!mount) continue;
            entry.value = long_mount_of(context, item, *mount);
        }
        complete_mount(context, *entry.value);
    }
}

void devices_form(const CanonicalContext& context, Node& list) {
    for (Entry& entry : list.items()) {
        Node& item = *entry.value;
        if (!is_usable(&item)) continue;
        if (item.is_scalar()) {
            Parsed<ShortDevice> parsed = parse_device(item.text);
            const auto* device = context.reporter.accept(parsed, item);
            if (!device) continue;
            entry.value = context.instead_of(item, NodeKind::mapping);
            context.set_text(*entry.value, "source", device->source);
            context.set_text(*entry.value, "target", device->target);
            context.set_text(*entry.value, "permissions", device->permissions);
        } else if (const Node* source = usable_member(item, "source")) {
            context.set_default(item, "target", context.text(source->text, item));
            context.set_default(item, "permissions", context.text("rwm", item));
        }
    }
}

Node* env_files_form(const CanonicalContext& context, Node& node) {
    Node* list = node.is_scalar() ? context.list_of(node) : &node;
    for (Entry& entry : list->items()) {
        Node& item = *entry.value;
        if (item.is_null() || item.broken) continue;
        if (item.is_scalar()) {
            entry.value = context.instead_of(item, NodeKind::mapping);
            context.tree.set(*entry.value, "path", &item);
        }
        context.set_default(*entry.value, "required", context.plain("true", *entry.value));
    }
    return list;
}

void grants_form(const CanonicalContext& context, Node& list, std::string_view directory) {
    for (Entry& entry : list.items()) {
        Node& item = *entry.value;
        if (!is_usable(&item)) continue;
        if (item.is_scalar()) {
            entry.value = context.instead_of(item, NodeKind::mapping);
            context.tree.set(*entry.value, "source", &item);
        }
        Node& grant = *entry.value;
        const Node* source = usable_member(grant, "source");
        if (!source) continue;
        const Node* target = usable_member(grant, "target");
        const bool is_said = target && !target->text.empty();
        const Node& written = is_said ? *target : *source;
        std::string path{written.text};
        if (!directory.empty())
            path = clean_path(path.starts_with('/') ? path : fmt::format("{}/{}", directory, path));
        if (path != written.text || !is_said) context.tree.set(grant, "target", context.text(path, written));
    }
}

}  // namespace stack::compose
