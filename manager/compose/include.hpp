// `include`: what an entry names, which variables its files see, and how the model they make becomes part of the
// including document. Reading and merging the files themselves is assemble.hpp. Follows the Compose specification's
// chapter on include, and Docker Compose where that allows a clash: the including file is laid over what it includes.
#pragma once

#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"
#include "manager/compose/variables.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stack::compose {

struct IncludedFile {
    std::string path;   ///< absolute
    const Node* place;  ///< the value that names it
};

/// One entry of `include`.
struct IncludeEntry {
    std::vector<IncludedFile> files;  ///< laid over each other in this order; never empty
    std::string directory;            ///< project directory of those files, absolute
    /// Dotenv files with defaults for `${}`; nullopt: `.env` of the directory, if it is there.
    std::optional<std::vector<IncludedFile>> env_files;
};

/// Takes `include` out of a checked document and returns its entries. Paths are relative to the project directory of
/// the including file. A mistake is reported and its entry left out; then `complete` is false.
struct Includes {
    std::vector<IncludeEntry> entries;
    bool complete = true;
};
Includes take_includes(const Tree& tree, Node& document, Reporter& reporter);

/// The variables of the included files: `outer`, below it what the entry's dotenv files say. nullptr after an error.
std::shared_ptr<const VariableScope> include_variables(const Tree& tree, const IncludeEntry& entry,
                                                       const std::shared_ptr<const VariableScope>& outer,
                                                       SourceReader& reader, Reporter& reporter);

/// The document laid over an included model, of which only services, networks and the like come along.
Node* import_model(Tree& tree, Node& document, Node& included, Reporter& reporter);

}  // namespace stack::compose
