// Which services the words of a command line mean. Pure.
#pragma once

#include "manager/compose/model.hpp"

#include <set>
#include <string>
#include <vector>

namespace stack::cli {

/// Throws Error(invalid_input), with a suggestion, unless the project has an active service of that name. `where`: what
/// named it ("--attach"); may be empty.
void check_service(const compose::Project& project, const std::string& where, const std::string& name);

/// The service and everything it needs.
void add_with_dependencies(const compose::Project& project, const std::string& name,
                           std::set<std::string>& into);

/// The named services, all of them when none is named. Throws like check_service.
std::set<std::string> choose_services(const compose::Project& project, const std::vector<std::string>& names,
                                      bool with_dependencies);

}  // namespace stack::cli
