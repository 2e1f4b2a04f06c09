// Fills in what the Compose format implies: real names of networks, volumes, secrets and configs, the `default`
// network, values of secrets and configs that come from the environment. And sorts services into those that are on
// and those that profiles switch off.
#pragma once

#include "manager/compose/env_file.hpp"
#include "manager/compose/model.hpp"
#include "manager/compose/reporter.hpp"

#include <set>
#include <string>
#include <vector>

namespace stack::compose {

/// `project.name` must be set.
void normalize(Project& project, const Variables& variables);

/// Moves services whose profiles are all off to `disabled_services`, and drops dependencies on what is not there
/// where they are not required. "*" in `profiles` switches every one on.
void apply_profiles(Project& project, const std::set<std::string>& profiles);

/// All profile names in the file, sorted.
std::vector<std::string> profile_names(const Project& project);

}  // namespace stack::compose
