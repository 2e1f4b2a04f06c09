// A walk over a tree along with the table of keys: for phases that look at single keys wherever they stand.
#pragma once

#include "manager/compose/keys.hpp"
#include "manager/compose/tree.hpp"

namespace stack::compose {

/// Calls `visit(entry, keys)` for every member of `map` and below that has a row in the table, and for the items of
/// lists that have rows of their own; what contains comes before what is contained. `visit` returns whether to go on
/// below. Passes over what is opaque and what the table does not know.
template <class Visit>
void walk_keys(Node& map, const KeyNode& keys, Visit& visit) {
    const auto below = [&visit](Entry& entry, const KeyNode& known) {
        Node& value = *entry.value;
        if (value.is_opaque() || (known.row && !visit(entry, known))) return;
        if (value.is_mapping()) walk_keys(value, known, visit);
        if (value.is_sequence() && known.item)
            for (Entry& item : value.items())
                if (item.value->is_mapping() && !item.value->broken)
                    walk_keys(*item.value, *known.item, visit);
    };
    for (Entry& entry : map.items()) {
        const auto found = keys.members.find(entry.key->text);
        if (found != keys.members.end())
            below(entry, *found->second);
        else if (keys.named)
            below(entry, *keys.named);
    }
}

}  // namespace stack::compose
