#include "manager/compose/merge.hpp"

#include "manager/compose/paths.hpp"
#include "manager/compose/scalar.hpp"
#include "manager/compose/short_syntax.hpp"

#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class Merger {
  public:
    Merger(Tree& tree, Reporter& reporter, std::string path)
        : tree_{tree}, reporter_{reporter}, path_{std::move(path)} {}

    Node* merge(Node& base, Node& over, const KeyNode* keys) {
        if (over.tag == NodeTag::reset || over.tag == NodeTag::override_ || base.tag == NodeTag::reset)
            return replace(base, over);
        const Merge rule = keys ? keys->merge() : Merge::usual;
        const bool is_replaced = rule == Merge::replace || rule == Merge::replace_also_by_null;
        if (over.is_null()) return is_replaced ? replace(base, over) : &base;
        if (base.is_null() || base.broken || over.broken) return replace(base, over);
        switch (rule) {
            case Merge::replace:
            case Merge::replace_also_by_null:
                return replace(base, over);
            case Merge::replace_items:
                return merge_maps(base, over, keys, true, false);
            case Merge::pairs:
                return merge_maps(*pairs_map(base), *pairs_map(over), keys, true, true);
            case Merge::names:
                return merge_maps(*names_map(base, keys), *names_map(over, keys), keys, false, false);
            case Merge::context:
                return merge_maps(*context_map(base), *context_map(over), keys, false, false);
            case Merge::logging:
                return merge_logging(base, over, keys);
            case Merge::hosts:
                return append_unique(*hosts_list(base), *hosts_list(over), Merge::unique);
            case Merge::unique:
            case Merge::env_files:
                return append_unique(*list_of(base), *list_of(over), rule);
            case Merge::targets:
            case Merge::secrets:
            case Merge::configs:
                return append_unique(base, over, rule);
            case Merge::subnets:
                return merge_by_identity(base, over, keys);
            case Merge::ports:  // the canonical form, which expands ranges, drops what is there twice
            case Merge::usual:
                break;
        }
        if (base.is_scalar()) return replace(base, over);
        if (base.kind != over.kind) return cannot_override(base, over);
        if (base.is_mapping()) return merge_maps(base, over, keys, false, false);
        if (base.is_sequence()) return append(base, over);
        return replace(base, over);
    }

  private:
    // What makes two items of a list the same thing; empty: nothing does.
    [[nodiscard]] std::string identity(const Node& item, Merge rule) const {
        const auto member = [&item](std::string_view key) {
            const Node* node = item.find(key);
            return node ? scalar_text(*node) : std::string{};
        };
        switch (rule) {
            case Merge::unique:
                return item.is_scalar() ? scalar_text(item) : std::string{};
            case Merge::env_files: {
                const std::string path = item.is_mapping() ? member("path") : scalar_text(item);
                return path.empty() ? path : absolute_path(tree_.file(item.file).base_directory, path);
            }
            case Merge::targets:
                if (item.is_mapping()) return clean_path(member("target"));
                return clean_path(short_mount_target(item.text));
            case Merge::secrets:
            case Merge::configs: {
                const std::string base = rule == Merge::secrets ? "/run/secrets/" : "/";
                std::string target = item.is_mapping() ? member("target") : std::string{};
                if (target.empty()) target = item.is_mapping() ? member("source") : scalar_text(item);
                return target.starts_with('/') ? target : base + target;
            }
            case Merge::subnets:
                return member("subnet");
            default:
                return {};
        }
    }

    static Node* replace(Node& base, Node& over) {
        over.replaced = &base;
        return &over;
    }

    Node* cannot_override(Node& base, Node& over) {
        Diagnostic& diagnostic = reporter_.error(
            "merge-conflict",
            fmt::format("cannot override {}: {} here, {} before", path_, word(over), word(base)),
            tree_.position(over));
        diagnostic.related.push_back({"the earlier value", tree_.position(base)});
        diagnostic.hint = "use !override to replace the earlier value";
        over.broken = true;
        return replace(base, over);
    }

    static std::string_view word(const Node& node) {
        return node.is_mapping() ? "a map" : node.is_sequence() ? "a list" : "a single value";
    }

    // `replace_values`: members are replaced whole; `null_counts`: also by null.
    Node* merge_maps(Node& base, Node& over, const KeyNode* keys, bool replace_values, bool null_counts) {
        if (!base.is_mapping() || !over.is_mapping()) return cannot_override(base, over);
        std::unordered_map<std::string_view, std::uint32_t> index;
        index.reserve(base.count);
        for (std::uint32_t i = 0; i < base.count; ++i) index.emplace(base.entries[i].key->text, i);
        for (const Entry& entry : over.items()) {
            const auto found = index.find(entry.key->text);
            if (found == index.end()) {
                tree_.append(base, entry);
                continue;
            }
            Entry& target = base.entries[found->second];
            const std::size_t path_length = path_.size();
            if (!path_.empty()) path_ += '.';
            path_ += entry.key->text;
            if (replace_values && (null_counts || !entry.value->is_null()))
                target.value = replace(*target.value, *entry.value);
            else
                target.value = merge(*target.value, *entry.value, below(keys, entry.key->text));
            // Errors should point at the key that had the last word.
            if (target.value == entry.value) target.key = entry.key;
            path_.resize(path_length);
        }
        return &base;
    }

    static const KeyNode* below(const KeyNode* keys, std::string_view name) {
        if (!keys) return nullptr;
        const auto found = keys->members.find(name);
        return found != keys->members.end() ? found->second : keys->named;
    }

    Node* append(Node& base, const Node& over) {
        for (const Entry& entry : over.items()) tree_.append(base, entry);
        return &base;
    }

    Node* append_unique(Node& base, Node& over, Merge rule) {
        if (!base.is_sequence() || !over.is_sequence()) return cannot_override(base, over);
        std::unordered_map<std::string, std::uint32_t> index;
        for (std::uint32_t i = 0; i < base.count; ++i)
            index.emplace(identity(*base.entries[i].value, rule), i);
        for (const Entry& entry : over.items()) {
            const std::string key = identity(*entry.value, rule);
            const auto [found, is_new] =
                key.empty() ? std::pair{index.end(), true} : index.emplace(key, base.count);
            if (is_new)
                tree_.append(base, entry);
            else
                base.entries[found->second].value = replace(*base.entries[found->second].value, *entry.value);
        }
        return &base;
    }

    Node* merge_by_identity(Node& base, Node& over, const KeyNode* keys) {
        if (!base.is_sequence() || !over.is_sequence()) return cannot_override(base, over);
        std::unordered_map<std::string, std::uint32_t> index;
        for (std::uint32_t i = 0; i < base.count; ++i)
            index.emplace(identity(*base.entries[i].value, Merge::subnets), i);
        for (const Entry& entry : over.items()) {
            const auto found = index.find(identity(*entry.value, Merge::subnets));
            if (found == index.end() || found->first.empty()) {
                tree_.append(base, entry);
                continue;
            }
            Entry& target = base.entries[found->second];
            target.value = merge(*target.value, *entry.value, keys ? keys->item : nullptr);
        }
        return &base;
    }

    Node* merge_logging(Node& base, Node& over, const KeyNode* keys) {
        const Node* before = base.find("driver");
        const Node* after = over.find("driver");
        const bool same = !before || !after || before->text == after->text;
        return same ? merge_maps(base, over, keys, false, false) : replace(base, over);
    }

    // ---- other forms of the same value ---------------------------------------------------------------------------

    Node* list_of(Node& node) {
        if (!node.is_scalar()) return &node;
        Node* list = tree_.make_at(NodeKind::sequence, node);
        tree_.append(*list, {nullptr, &node});
        return list;
    }

    // [K=V, K] -> {K: V, K: null}
    Node* pairs_map(Node& node) {
        if (!node.is_sequence()) return &node;
        Node* map = tree_.make_at(NodeKind::mapping, node);
        std::unordered_map<std::string_view, std::uint32_t> index;
        for (const Entry& entry : node.items()) {
            const std::string_view text = entry.value->text;
            const std::size_t equals = text.find('=');
            Node* value = equals == std::string_view::npos
                              ? tree_.make_at(NodeKind::null, *entry.value)
                              : tree_.make_scalar_at(text.substr(equals + 1), *entry.value);
            set_member(*map, {tree_.make_scalar_at(text.substr(0, equals), *entry.value), value}, index);
        }
        return map;
    }

    void set_member(Node& map, Entry entry, std::unordered_map<std::string_view, std::uint32_t>& index) {
        const auto [found, is_new] = index.emplace(entry.key->text, map.count);
        if (is_new)
            tree_.append(map, entry);
        else
            map.entries[found->second] = entry;
    }

    // [db] -> {db: null}; for depends_on {db: {condition: service_started, required: true}}
    Node* names_map(Node& node, const KeyNode* keys) {
        if (!node.is_sequence()) return &node;
        const bool dependencies = keys && keys->row && keys->row->path == "services.*.depends_on";
        Node* map = tree_.make_at(NodeKind::mapping, node);
        std::unordered_map<std::string_view, std::uint32_t> index;
        for (const Entry& entry : node.items()) {
            const Node& name = *entry.value;
            Node* value = tree_.make_at(dependencies ? NodeKind::mapping : NodeKind::null, name);
            const auto set = [&](std::string_view key, std::string_view text) {
                tree_.append(*value, {tree_.make_scalar_at(key, name), tree_.make_scalar_at(text, name)});
            };
            if (dependencies) {
                set("condition", "service_started");
                set("required", "true");
            }
            set_member(*map, {tree_.make_scalar_at(name.text, name), value}, index);
        }
        return map;
    }

    Node* context_map(Node& node) {
        if (!node.is_scalar()) return &node;
        Node* map = tree_.make_at(NodeKind::mapping, node);
        tree_.append(*map, {tree_.make_scalar_at("context", node), &node});
        return map;
    }

    // {host: ip} and {host: [ip, ip]} -> [host=ip, …]
    Node* hosts_list(Node& node) {
        if (!node.is_mapping()) return &node;
        Node* list = tree_.make_at(NodeKind::sequence, node);
        const auto add = [&](const Node& key, const Node& address) {
            tree_.append(*list, {nullptr, tree_.make_scalar_at(fmt::format("{}={}", key.text, address.text),
                                                               address)});
        };
        for (const Entry& entry : node.items()) {
            if (!entry.value->is_sequence()) add(*entry.key, *entry.value);
            for (const Entry& item : entry.value->items())
                if (entry.value->is_sequence()) add(*entry.key, *item.value);
        }
        return list;
    }

    Tree& tree_;
    Reporter& reporter_;
    std::string path_;
};

}  // namespace

Node* merge(Tree& tree, Node& base, Node& over, const KeyNode& keys, Reporter& reporter, std::string path) {
    return Merger{tree, reporter, std::move(path)}.merge(base, over, &keys);
}

void strip_merge_tags(Node& root) {
    if (root.tag == NodeTag::reset) root.count = 0;  // a whole document; members go with their key
    if (root.tag == NodeTag::reset || root.tag == NodeTag::override_) root.tag = NodeTag::none;
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < root.count; ++i) {
        const Entry entry = root.entries[i];
        if (entry.value->tag == NodeTag::reset) continue;
        strip_merge_tags(*entry.value);
        root.entries[kept++] = entry;
    }
    root.count = kept;
}

}  // namespace stack::compose
