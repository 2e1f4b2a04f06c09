// From the global flags to a project: asks the loader, prints what it has to say, gives up on errors. Reads the
// environment, the working directory and stdin on the loader's behalf.
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/compose/loader.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::cli {

/// The file does not load; everything about it has been printed. `main` exits with 1 and adds nothing.
struct AlreadyReported {
    int exit_code = 1;
};

/// The variables that this program was started with.
std::map<std::string, std::string> shell_environment();

/// What steers the program: the shell's variables over those of `.env`.
std::map<std::string, std::string> steering_variables(const GlobalOptions& globals);

/// What the loader is asked for; commands adjust it before `load_project`.
compose::LoadRequest load_request(const Context& context);

enum class DiagnosticFormat {
    text,  ///< for people
    json,  ///< one array with every diagnostic, empty when there is none
};

/// Prints warnings and errors on stderr. Throws AlreadyReported when there is no project.
compose::LoadResult load_project(const Context& context, const compose::LoadRequest& request,
                                 DiagnosticFormat format = DiagnosticFormat::text);

/// For commands that don't make containers: the file need only be readable. `services`: those named, whose profiles are
/// switched on. Throws as load_project.
compose::Project load_for_looking(const Context& context, const std::vector<std::string>& services);

struct NamedProject {
    std::string name;
    std::optional<compose::Project> project;  ///< absent: only the name is known, records have to do
};
/// For commands that can work from records alone: loads the file if there is one; without a file the name has to
/// come from -p or the environment. Services of every profile are active.
NamedProject load_project_or_name(const Context& context);

}  // namespace stack::cli
