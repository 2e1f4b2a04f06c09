// From the files that were found to one tree: each document is interpolated and checked by itself, gets what it includes
// and extends, and is laid over the documents before it. What the tree means is left to the phases behind (canonical
// form, profiles, decode).
#pragma once

#include "manager/compose/discovery.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/source_reader.hpp"
#include "manager/compose/tree.hpp"

#include <optional>
#include <string>

namespace stack::compose {

struct Assembly {
    Node* root;                ///< lives in the tree; without `include`, `extends`, `!reset`, `!override`
    std::string project_name;  ///< legal, or "invalid" after an error
    /// False when a file or a base could not be had, which has been reported: the tree lacks something, so what seems to
    /// be missing in it is no mistake of the user's.
    bool complete;
};

/// Sets COMPOSE_PROJECT_NAME in the variables of `discovery`. nullopt when there is no tree to go on with; what is
/// wrong has been reported.
std::optional<Assembly> assemble(const LoadRequest& request, Discovery& discovery, SourceReader& reader,
                                 Tree& tree, Reporter& reporter);

}  // namespace stack::compose
