// From the command line's wishes to a Project: finds the files, runs the phases in order, collects all
// diagnostics.
//
//     discover -> read -> document -> interpolation -> validate keys -> merge -> decode -> normalize
//              -> profiles and selection -> env_file -> consistency
//
// Reads files; no other state: the environment, the working directory and the text of stdin come in with the
// request.
#pragma once

#include "manager/compose/diagnostic.hpp"
#include "manager/compose/model.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::compose {

struct LoadRequest {
    std::vector<std::string> files;  ///< `-f`, in order; "-" is stdin_text; empty: COMPOSE_FILE or discovery
    std::string cwd;                 ///< absolute
    std::string project_name;        ///< `-p`; empty: not given
    std::string project_directory;   ///< `--project-directory`; empty: not given
    std::vector<std::string> env_files;              ///< `--env-file`, in order
    std::vector<std::string> profiles;               ///< `--profile`
    std::map<std::string, std::string> environment;  ///< the shell's
    std::optional<std::string> stdin_text;           ///< needed when "-" is among the files
    /// Services named on the command line: their profiles are switched on. Unknown names are the planner's to
    /// refuse.
    std::set<std::string> selected_services;
    bool all_profiles = false;  ///< every service is active: for commands that look at what exists (down, ps)
    bool interpolate = true;    ///< false: `$` is left as it is
    bool resolve_env_files = true;  ///< false: env_file is not read
    bool check_consistency = true;  ///< false: no cross references are checked
};

struct LoadResult {
    std::optional<Project> project;       ///< absent when a diagnostic is an error
    std::vector<Diagnostic> diagnostics;  ///< sorted by file (in load order), line, column
    SourceCache sources;                  ///< for `render`
    /// What `${}` sees: the shell's environment over `.env` (or the `--env-file`s).
    std::map<std::string, std::string> environment;
    /// Every name that `--profile` could switch on, sorted.
    std::vector<std::string> known_profiles;
};

/// Never throws for what a user wrote: that is a diagnostic. Throws Error for a failing system.
LoadResult load(const LoadRequest& request);

/// The project's name alone (for commands that need no valid file: `down -p`, `ps -p`); nullopt when it can't
/// be told from the request's name, COMPOSE_PROJECT_NAME or `.env`, so that a file has to be loaded.
std::optional<std::string> project_name_without_file(const LoadRequest& request);

}  // namespace stack::compose
