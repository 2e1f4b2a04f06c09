#include "manager/compose/canonical_values.hpp"

#include "manager/compose/node_values.hpp"
#include "manager/compose/scalar.hpp"
#include "runtime/base/units.hpp"

#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

namespace stack::compose {

Node* CanonicalContext::plain(std::string_view value, const Node& where) const {
    Node* node = tree.make_scalar_at(value, where);
    node->is_string = false;
    return node;
}

Node* CanonicalContext::instead_of(const Node& node, NodeKind kind) const {
    Node* result = tree.make_at(kind, node);
    result->replaced = node.replaced;
    return result;
}

Node* CanonicalContext::list_of(Node& node) const {
    Node* list = instead_of(node, NodeKind::sequence);
    tree.append(*list, {nullptr, &node});
    return list;
}

// ---- scalars --------------------------------------------------------------------------------------------------------

namespace {

void spell(const CanonicalContext& context, Node& node, std::string_view text, bool is_string) {
    if (node.text != text) node.text = context.tree.store(text);
    node.is_string = is_string;
    node.tag = NodeTag::none;
}

void spell_text(const CanonicalContext& context, Node& node) {
    if (scalar_type(node) == ScalarType::string) {
        node.is_string = true;
        node.tag = NodeTag::none;
    } else {
        spell(context, node, scalar_text(node), true);
    }
}

void spell_boolean(const CanonicalContext& context, Node& node) {
    spell(context, node, boolean_value(&node).value_or(false) ? "true" : "false", false);
}

}  // namespace

void spell_scalar(const CanonicalContext& context, Node& node, Shape shape) {
    if (!node.is_scalar() || node.is_opaque()) return;
    switch (shape) {
        case Shape::boolean:
            return spell_boolean(context, node);
        case Shape::boolean_or_string:
            return parse_yaml_bool(node.text) ? spell_boolean(context, node) : spell_text(context, node);
        case Shape::integer:
            if (const auto value = integer_value(&node)) spell(context, node, std::to_string(*value), false);
            return;
        case Shape::number:
            node.is_string = false;
            node.tag = NodeTag::none;
            return spell(context, node, scalar_text(node), false);
        case Shape::bytes:
            if (const auto value = bytes_value(&node)) spell(context, node, std::to_string(*value), true);
            return;
        case Shape::duration:
            if (const auto value = duration_value(&node)) spell(context, node, format_duration(*value), true);
            return;
        case Shape::octal:
            if (const auto value = octal_value(&node))
                spell(context, node, fmt::format("{:04o}", *value), true);
            return;
        default:
            return spell_text(context, node);
    }
}

void spell_texts(const CanonicalContext& context, Node& node) {
    for (Entry& entry : node.items()) {
        if (entry.value->is_null()) entry.value = context.text("", *entry.value);
        spell_scalar(context, *entry.value, Shape::text);
    }
}

void drop_repeated(Node& list) {
    if (list.count < 2) return;
    std::unordered_set<std::string_view> seen;
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < list.count; ++i) {
        const Node& item = *list.entries[i].value;
        if (!item.is_scalar() || seen.insert(item.text).second) list.entries[kept++] = list.entries[i];
    }
    list.count = kept;
}

// ---- maps and lists that may be written as one another --------------------------------------------------------------

namespace {

// Members of a map that is being made; a later one of the same name wins at the earlier place.
class MapMaker {
  public:
    MapMaker(const CanonicalContext& context, Node& map) : context_{context}, map_{map} {}

    void set(Node* key, Node* value) {
        const auto [found, is_new] = index_.emplace(key->text, map_.count);
        if (is_new)
            context_.tree.append(map_, {key, value});
        else
            map_.entries[found->second] = {key, value};
    }

  private:
    const CanonicalContext& context_;
    Node& map_;
    std::unordered_map<std::string_view, std::uint32_t> index_;
};

}  // namespace

Node* pairs_form(const CanonicalContext& context, Node& node, bool null_counts) {
    Node* map = &node;
    if (node.is_sequence()) {
        map = context.instead_of(node, NodeKind::mapping);
        MapMaker maker{context, *map};
        for (const Entry& entry : node.items()) {
            const Node& item = *entry.value;
            if (!item.is_scalar()) continue;
            const std::size_t equals = item.text.find('=');
            Node* value = equals == std::string_view::npos ? context.tree.make_at(NodeKind::null, item)
                                                           : context.text(item.text.substr(equals + 1), item);
            value->broken = item.broken;
            value->open = item.open;
            value->replaced = item.replaced;
            maker.set(context.text(item.text.substr(0, equals), item), value);
        }
    }
    for (Entry& entry : map->items()) {
        if (entry.value->is_null() && !null_counts) {
            Node* empty = context.text("", *entry.value);
            empty->replaced = entry.value->replaced;
            entry.value = empty;
        }
        spell_scalar(context, *entry.value, Shape::text);
    }
    return map;
}

Node* names_form(const CanonicalContext& context, Node& node) {
    if (!node.is_sequence()) return &node;
    Node* map = context.instead_of(node, NodeKind::mapping);
    MapMaker maker{context, *map};
    for (const Entry& entry : node.items())
        if (is_usable(entry.value))
            maker.set(entry.value, context.tree.make_at(NodeKind::null, *entry.value));
    return map;
}

Node* hosts_form(const CanonicalContext& context, Node& node) {
    Node* list = context.instead_of(node, NodeKind::sequence);
    const auto add = [&](std::string_view text, Node& where) {
        if (where.is_opaque() || !where.is_scalar()) {
            context.tree.append(*list, {nullptr, &where});
            return;
        }
        auto parsed = parse_extra_host(text);
        const auto* hosts = context.reporter.accept(parsed, where);
        if (!hosts) return;
        for (const auto& [host, address] : *hosts) {
            Node* item = context.text(fmt::format("{}={}", host, address), where);
            item->replaced = where.replaced;
            context.tree.append(*list, {nullptr, item});
        }
    };
    for (const Entry& entry : node.items()) {
        Node& value = *entry.value;
        if (!entry.key) {
            add(value.text, value);
        } else if (!value.is_sequence()) {
            add(fmt::format("{}={}", entry.key->text, value.text), value);
        } else {
            for (const Entry& item : value.items())
                add(fmt::format("{}={}", entry.key->text, item.value->text), *item.value);
        }
    }
    drop_repeated(*list);
    return list;
}

Node* dependencies_form(const CanonicalContext& context, Node& node) {
    Node* map = names_form(context, node);
    for (Entry& entry : map->items()) {
        if (entry.value->is_opaque()) continue;
        if (entry.value->is_null()) entry.value = context.instead_of(*entry.value, NodeKind::mapping);
        Node& dependency = *entry.value;
        context.set_default(dependency, "condition", context.text("service_started", dependency));
        context.set_default(dependency, "required", context.plain("true", dependency));
    }
    return map;
}

void ulimits_form(const CanonicalContext& context, Node& node) {
    for (Entry& entry : node.items()) {
        Node& limit = *entry.value;
        if (limit.is_opaque() || !limit.is_scalar()) continue;
        spell_scalar(context, limit, Shape::integer);
        entry.value = context.instead_of(limit, NodeKind::mapping);
        context.tree.set(*entry.value, "soft", context.plain(limit.text, limit));
        context.tree.set(*entry.value, "hard", context.plain(limit.text, limit));
    }
}

// ---- commands and ports of containers -------------------------------------------------------------------------------

Node* command_form(const CanonicalContext& context, Node& node) {
    if (!node.is_scalar()) {
        spell_texts(context, node);
        return &node;
    }
    Parsed<std::vector<std::string>> parsed = split_shell_words(node.text);
    const auto* words = context.reporter.accept(parsed, node);
    if (!words) return &node;
    Node* list = context.instead_of(node, NodeKind::sequence);
    for (const std::string& word : *words) context.tree.append(*list, {nullptr, context.text(word, node)});
    return list;
}

Node* health_test_form(const CanonicalContext& context, Node& node) {
    if (!node.is_scalar()) {
        spell_texts(context, node);
        return &node;
    }
    Node* list = context.instead_of(node, NodeKind::sequence);
    context.tree.append(*list, {nullptr, context.text("CMD-SHELL", node)});
    context.tree.append(*list, {nullptr, &node});
    node.is_string = true;
    return list;
}

void exposed_form(const CanonicalContext& context, Node& list) {
    for (Entry& entry : list.items()) {
        Node& item = *entry.value;
        if (item.is_opaque() || !item.is_scalar()) continue;
        spell_scalar(context, item, Shape::text);
        Parsed<std::string> parsed = parse_exposed_port(item.text);
        if (const auto* port = context.reporter.accept(parsed, item)) spell(context, item, *port, true);
    }
    drop_repeated(list);
}

}  // namespace stack::compose
