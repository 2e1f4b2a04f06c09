// From the command line's wishes to a Project: finds the files, runs the phases in order, collects all diagnostics.
//
//     discover -> assemble (read, interpolate, check and merge files)
//              -> canonical form -> single values -> paths -> profiles -> normalize -> environment
//              -> support -> consistency -> decode
//
// All phases between assemble and decode work on one tree, in which every value knows its place. That tree is the
// truth: `config` prints it, and the model is read out of it.
//
// Reads files; no other state: the environment, the working directory and the text of stdin come in with the
// request.
#pragma once

#include "manager/compose/diagnostic.hpp"
#include "manager/compose/model.hpp"
#include "manager/compose/tree.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::compose {

enum class LoadPurpose {
    run,      ///< containers will be made: what the runtime can't do yet is an error
    inspect,  ///< the file is looked at, or what exists of it
};

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
    LoadPurpose purpose = LoadPurpose::run;
    // Phases that can be left out.
    bool interpolate = true;    ///< false: `$` is left as it is; nothing is taken from the environment
    bool resolve_paths = true;  ///< false: relative paths stay relative
    bool normalize = true;      ///< false: no default network, no names, no implied dependencies
    bool resolve_environment =
        true;  ///< false: env_file and label_file are not read, names without value stay so
    bool check_consistency = true;  ///< false: no cross references are checked
};

/// The canonical tree of a load (canonical.hpp).
struct Document {
    Tree tree;
    Node* root = nullptr;
    Node* disabled = nullptr;  ///< the services that profiles switch off, a mapping
    /// How files came in that the command line does not name: by which include or extends, outermost last.
    std::map<std::string, std::vector<RelatedPosition>> ways;
};

struct LoadResult {
    std::optional<Project> project;  ///< absent when a diagnostic is an error
    /// What the project was read from. Absent when it could not be put together.
    std::shared_ptr<const Document> document;
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

/// The variables that load() would see, without a look at compose files; the shell's alone when something is wrong
/// with the others, which load() will tell.
std::map<std::string, std::string> environment_without_file(const LoadRequest& request);

}  // namespace stack::compose
