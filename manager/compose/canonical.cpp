#include "manager/compose/canonical.hpp"

#include "manager/compose/canonical_values.hpp"
#include "manager/compose/node_values.hpp"

namespace stack::compose {

namespace {

// Walks the tree along with the table; depth is bounded by the table's.
class Canonicalizer {
  public:
    Canonicalizer(Tree& tree, Reporter& reporter) : reporter_{tree, reporter}, context_{tree, reporter_} {}

    void members(Node& map, const KeyNode& keys) {
        if (!map.is_mapping() || map.broken) return;
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < map.count; ++i) {
            Entry entry = map.entries[i];
            const auto found = keys.members.find(entry.key->text);
            if (found != keys.members.end() && found->second->row) {
                if (says_nothing(*entry.value, *found->second->row)) continue;
                entry.value = form(*entry.value, *found->second);
            }
            map.entries[kept++] = entry;
        }
        map.count = kept;
    }

  private:
    // `version`, a bare `deploy:` or `develop:`, and what `hostname: ${NAME:-}` becomes.
    static bool says_nothing(const Node& value, const KeyRow& row) {
        if (row.path == "version") return true;
        if (value.is_null()) return row.path == "services.*.deploy" || row.path == "services.*.develop";
        return row.shape == Shape::string && value.is_scalar() && value.text.empty() &&
               takes_empty_text(row.path);
    }

    // Texts of a service that are as good as absent when they are empty. Where only some words will do, an empty one
    // is a mistake.
    static bool takes_empty_text(std::string_view path) {
        constexpr std::string_view kService = "services.*.";
        return path.starts_with(kService) &&
               path.find_first_of(".[", kService.size()) == std::string_view::npos &&
               path != "services.*.pull_policy" && path != "services.*.cgroup";
    }

    Node* form(Node& node, const KeyNode& keys) {
        if (node.broken || node.is_null() || (node.is_scalar() && node.is_opaque())) return &node;
        switch (keys.row->shape) {
            case Shape::any:
                return &node;
            case Shape::strings:
            case Shape::texts:
                return texts(node, keys);
            case Shape::string_or_strings:
            case Shape::tmpfs:
                return texts(node.is_scalar() ? *context_.list_of(node) : node, keys);
            case Shape::command:
                return command_form(context_, node);
            case Shape::test:
                return health_test_form(context_, node);
            case Shape::pairs:
                return pairs_form(context_, node, false);
            case Shape::variables:
                return pairs_form(context_, node, true);
            case Shape::text_map:
                spell_texts(context_, node);
                return &node;
            case Shape::hosts:
                return hosts_form(context_, node);
            case Shape::map:
            case Shape::string_or_map:
            case Shape::external:
                if (!node.is_scalar())
                    members(node, keys);
                else
                    spell_scalar(context_, node,
                                 keys.row->shape == Shape::external ? Shape::boolean : Shape::text);
                return &node;
            case Shape::build:
                return build(node, keys);
            case Shape::maps:
            case Shape::strings_or_maps:
                items(node, keys);
                return &node;
            case Shape::named:
                return named(node, keys);
            case Shape::names:
                return named(*names_form(context_, node), keys);
            case Shape::dependencies:
                return dependencies_form(context_, *named(node, keys));
            case Shape::ulimits:
                ulimits_form(context_, node);
                return named(node, keys);
            default:
                return list(node, keys);
        }
    }

    // Lists whose items have a short form, and, since nothing else is left, scalars.
    Node* list(Node& node, const KeyNode& keys) {
        items(node, keys);
        switch (keys.row->shape) {
            case Shape::env_files:
                return env_files_form(context_, node);
            case Shape::exposed:
                exposed_form(context_, node);
                return &node;
            case Shape::ports:
                return ports_form(context_, node);
            case Shape::mounts:
                mounts_form(context_, node);
                return &node;
            case Shape::devices:
                devices_form(context_, node);
                return &node;
            case Shape::requests:
                return requests(node);
            case Shape::gpus:
                return node.is_scalar() ? all_gpus(node) : requests(node);
            case Shape::grants:
                grants_form(context_, node, grant_directory(*keys.row));
                return &node;
            default:
                spell_scalar(context_, node, keys.row->shape);
                return &node;
        }
    }

    static std::string_view grant_directory(const KeyRow& row) {
        if (row.merge == Merge::secrets) return "/run/secrets";
        return row.merge == Merge::configs ? "/" : "";
    }

    void items(Node& list, const KeyNode& keys) {
        if (!keys.item || !list.is_sequence()) return;
        for (Entry& entry : list.items()) {
            if (entry.value->is_mapping())
                members(*entry.value, *keys.item);
            else
                spell_scalar(context_, *entry.value, Shape::text);
        }
    }

    Node* named(Node& map, const KeyNode& keys) {
        if (!map.is_mapping() || !keys.named) return &map;
        const bool services = keys.row->path == "services";
        for (Entry& entry : map.items()) {
            if (services) reporter_.service = entry.key->text;
            members(*entry.value, *keys.named);
            if (is_usable(entry.value) && keys.named->members.contains("external")) external(*entry.value);
        }
        if (services) reporter_.service.clear();
        return &map;
    }

    // {external: {name: X}} -> {external: true, name: X}
    void external(Node& resource) {
        Node* old = usable_member(resource, "external");
        if (!old || !old->is_mapping()) return;
        reporter_.warning("obsolete-key", "external.name is obsolete", *old).hint =
            "write \"external: true\" and \"name:\"";
        if (Node* name = usable_member(*old, "name")) context_.set_default(resource, "name", name);
        Node* yes = context_.plain("true", *old);
        yes->replaced = old->replaced;
        context_.tree.set(resource, "external", yes);
    }

    Node* texts(Node& list, const KeyNode& keys) {
        spell_texts(context_, list);
        if (keys.merge() == Merge::unique) drop_repeated(list);
        return &list;
    }

    Node* build(Node& node, const KeyNode& keys) {
        Node* map = &node;
        if (node.is_scalar()) {
            map = context_.instead_of(node, NodeKind::mapping);
            context_.tree.set(*map, "context", &node);
        }
        context_.set_default(*map, "context", context_.text(".", *map));
        members(*map, keys);
        return map;
    }

    Node* all_gpus(Node& node) {
        Node* request = context_.instead_of(node, NodeKind::mapping);
        context_.tree.set(*request, "count", &node);
        return context_.list_of(*request);
    }

    // A request that names no devices asks for all. A count is a number, or the word.
    Node* requests(Node& list) {
        for (Entry& entry : list.items()) {
            if (!entry.value->is_mapping()) continue;
            if (!entry.value->find("device_ids"))
                context_.set_default(*entry.value, "count", context_.text("all", *entry.value));
            Node* count = usable_member(*entry.value, "count");
            if (integer_value(count)) spell_scalar(context_, *count, Shape::integer);
        }
        return &list;
    }

    NodeReporter reporter_;
    CanonicalContext context_;
};

}  // namespace

void make_canonical(Tree& tree, Node& root, Reporter& reporter) {
    Canonicalizer{tree, reporter}.members(root, key_tree());
}

}  // namespace stack::compose
