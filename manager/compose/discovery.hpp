// Before a compose file is read: which files, which project directory, which variables, and afterwards which name.
// Follows the Compose command line: `-f`, COMPOSE_FILE, the four file names looked for in this directory and its
// parents, an override file beside them; `--env-file`, COMPOSE_ENV_FILES or `.env`.
#pragma once

#include "manager/compose/env_file.hpp"
#include "manager/compose/loader.hpp"
#include "manager/compose/source_reader.hpp"

#include <optional>
#include <string>
#include <vector>

namespace stack::compose {

constexpr const char* kStdinName = "<stdin>";

struct Discovery {
    std::vector<std::string> files;                   ///< absolute, or kStdinName
    std::string project_directory;                    ///< absolute
    std::vector<std::string> env_files;               ///< given explicitly, absolute
    Variables variables;                              ///< the shell's over those of the env files
    std::map<std::string, Position> variable_places;  ///< of those that an env file sets
};

/// nullopt after reporting an error: no compose file, an env file that can't be read.
std::optional<Discovery> discover(const LoadRequest& request, SourceReader& reader, Reporter& reporter);

/// By `-p` or COMPOSE_PROJECT_NAME; these must be legal as they are, else Error(invalid_input) says why.
/// nullopt when neither is given.
std::optional<std::string> given_project_name(const LoadRequest& request, const Variables& variables);

/// Lower case, only `[a-z0-9_-]`, not beginning with `_` or `-`; may end up empty.
std::string normalize_project_name(std::string_view name);

/// A variable that switches something on or off: `true`, `t`, `1` or `false`, `f`, `0` in any case; off when it is not set
/// or empty. Throws Error(invalid_input) for anything else.
bool is_switched_on(const Variables& variables, const std::string& name);

/// Split by commas; blanks and empty items are dropped.
std::vector<std::string> comma_list(std::string_view text);

}  // namespace stack::compose
