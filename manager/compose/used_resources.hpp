// Which top-level networks, volumes, secrets, configs and models the services of a canonical tree refer to.
#pragma once

#include "manager/compose/tree.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace stack::compose {

/// Names by kind ("networks", "volumes", "secrets", "configs", "models"). With `services`, of these only.
using UsedResources = std::map<std::string, std::set<std::string, std::less<>>, std::less<>>;
UsedResources used_resources(const Node& root, const std::set<std::string>* services = nullptr);

}  // namespace stack::compose
