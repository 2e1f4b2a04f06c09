// Lays a later document over an earlier one, by the rules of the Compose specification's chapter on merging: which key
// is replaced, appended or merged by what is the `merge` column of the table of keys (keys.hpp). Also for `extends`.
#pragma once

#include "manager/compose/keys.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

#include <string>

namespace stack::compose {

/// Changes and returns `base`; nodes of `over` become part of it. `keys` is the table's place of both: its root for
/// documents, `services.*` for services; `path` names that place in messages.
Node* merge(Tree& tree, Node& base, Node& over, const KeyNode& keys, Reporter& reporter,
            std::string path = {});

/// Takes out what `!reset` marks and forgets `!override`. To be called once, on the result of all merges.
void strip_merge_tags(Node& root);

}  // namespace stack::compose
