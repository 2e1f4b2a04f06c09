// From the files that were found to one tree: each file is read, interpolated and checked by itself, then laid over
// the ones before it. What the tree means is left to the phases behind (canonical form, profiles, decode).
#pragma once

#include "manager/compose/discovery.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/source_reader.hpp"
#include "manager/compose/tree.hpp"

#include <optional>
#include <string>

namespace stack::compose {

struct Assembly {
    Node* root;  ///< lives in the tree; checked against the table of keys, without `!reset`, `!override`
    std::string project_name;  ///< legal, or "invalid" after an error
};

/// Sets COMPOSE_PROJECT_NAME in the variables of `discovery`. nullopt when there is nothing to go on with; what is
/// wrong has been reported.
std::optional<Assembly> assemble(const LoadRequest& request, Discovery& discovery, SourceReader& reader,
                                 Tree& tree, Reporter& reporter);

}  // namespace stack::compose
