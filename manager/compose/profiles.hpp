// Which services are on: those without profiles, and those of which one profile is. Works on the canonical tree.
#pragma once

#include "manager/compose/tree.hpp"

#include <set>
#include <string>
#include <vector>

namespace stack::compose {

/// All profile names in the file, sorted.
std::vector<std::string> profile_names(const Node& root);

/// The profiles of these services.
std::set<std::string> profiles_of(const Node& root, const std::set<std::string>& services);

/// Takes the services whose profiles are all off out of the tree and returns them as a mapping; dependencies on what
/// is not there then go where they are not required. "*" in `profiles` switches every one on.
Node* take_disabled_services(Tree& tree, Node& root, const std::set<std::string>& profiles);

}  // namespace stack::compose
