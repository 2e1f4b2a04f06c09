// The pieces that the canonical form (canonical.hpp) is put together of, one function for each kind of value. They take
// the node as it was written and return the one that takes its place.
#pragma once

#include "manager/compose/keys.hpp"
#include "manager/compose/node_reporter.hpp"
#include "manager/compose/tree.hpp"

#include <string>
#include <string_view>

namespace stack::compose {

struct CanonicalContext {
    Tree& tree;
    NodeReporter& reporter;

    Node* text(std::string_view value, const Node& where) const { return tree.make_scalar_at(value, where); }
    /// A number or bool.
    Node* plain(std::string_view value, const Node& where) const;
    /// A node of another kind in the place of `node`; it takes over the history.
    Node* instead_of(const Node& node, NodeKind kind) const;
    /// A list of this one value.
    Node* list_of(Node& node) const;
    void set_text(Node& map, std::string_view key, std::string_view value) const {
        tree.set(map, key, text(value, map));
    }
    /// Unless the mapping has the member.
    void set_default(Node& map, std::string_view key, Node* value) const {
        if (!map.find(key)) tree.set(map, key, value);
    }
};

// ---- scalars and plain collections (canonical_values.cpp) -----------------------------------------------------------

/// One spelling of a string, number, bool, size, time or file mode.
void spell_scalar(const CanonicalContext& context, Node& node, Shape shape);
/// Members, or items, become strings.
void spell_texts(const CanonicalContext& context, Node& node);
/// Equal texts once.
void drop_repeated(Node& list);
Node* pairs_form(const CanonicalContext& context, Node& node, bool null_counts);
Node* names_form(const CanonicalContext& context, Node& node);
Node* hosts_form(const CanonicalContext& context, Node& node);
Node* command_form(const CanonicalContext& context, Node& node);
Node* health_test_form(const CanonicalContext& context, Node& node);
Node* dependencies_form(const CanonicalContext& context, Node& node);
void ulimits_form(const CanonicalContext& context, Node& node);
void exposed_form(const CanonicalContext& context, Node& list);

// ---- ports (canonical_ports.cpp), mounts, devices and files (canonical_files.cpp) -----------------------------------

/// Members of maps have been spelled already; so for the other lists.
Node* ports_form(const CanonicalContext& context, Node& list);
void mounts_form(const CanonicalContext& context, Node& list);
void devices_form(const CanonicalContext& context, Node& list);
Node* env_files_form(const CanonicalContext& context, Node& node);
/// `directory`: where relative targets are; empty: targets are names.
void grants_form(const CanonicalContext& context, Node& list, std::string_view directory);

}  // namespace stack::compose
