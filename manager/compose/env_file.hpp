// What the environment and the labels of services finally are: what `env_file` and `label_file` name is folded in below
// the service's own entries, and names without a value take that of the project's environment. Works on the canonical
// tree; what comes out of a file stands at its line there. Reads files through SourceReader; the format is dotenv.hpp.
#pragma once

#include "manager/compose/dotenv.hpp"
#include "manager/compose/source_reader.hpp"
#include "manager/compose/tree.hpp"

#include <map>
#include <string>

namespace stack::compose {

using Variables = std::map<std::string, std::string>;

VariableLookup lookup_in(const Variables& variables);  ///< `variables` must outlive the result

/// Reports what is wrong in a dotenv file at its own lines.
void report_problems(const Dotenv& dotenv, const std::string& file, Reporter& reporter);

/// Of all services in the tree; `env_file` and `label_file` are gone afterwards. `home` is what `~` means.
void resolve_environment(Tree& tree, Node& root, const Variables& variables, const std::string& home,
                         SourceReader& reader, Reporter& reporter);

}  // namespace stack::compose
