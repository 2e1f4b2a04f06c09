// Fills in what the Compose format implies: the project's name, real names of networks, volumes, secrets and configs,
// the `default` network, dependencies that other keys bring with them. Works on the canonical tree, on the services
// that are on; what is made stands at the place of what implies it.
#pragma once

#include "manager/compose/tree.hpp"

#include <string_view>

namespace stack::compose {

void normalize(Tree& tree, Node& root, std::string_view project_name);

}  // namespace stack::compose
