// Which services a command means and in what order they stand: from the file where there is one, else from
// records. Internal to manager/plan.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/plan/graph.hpp"
#include "manager/plan/observed_state.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace stack::plan {

/// service -> how it depends on others.
using DependencyMap = std::map<std::string, std::map<std::string, compose::Dependency>>;

/// Of the file's active services. Optional dependencies that the project does not have are left out.
DependencyMap dependencies_of(const compose::Project& project);
/// Of the file's services (active or not) and, for services it does not have, of what their containers
/// recorded.
DependencyMap dependencies_of(const compose::Project* project, const ObservedState& observed);

Graph graph_of(const DependencyMap& dependencies);
/// Needed ones first. Throws Error(invalid_input) for a cycle, at its first service's position when that is
/// known.
std::vector<std::string> start_order(const Graph& graph, const compose::Project* project);
/// Dependants first. Never fails: stopping must be possible with a broken file, so a cycle loses its edges.
std::vector<std::string> stop_order(Graph& graph);

/// Throws Error(invalid_input), with a suggestion, unless each of `names` is a service of the file or has
/// containers.
void check_service_names(const std::set<std::string>& names, const compose::Project* project,
                         const ObservedState& observed);

/// An existing container is one of nobody's: its service is in no profile of the file, or it is a one-off
/// that has ended.
bool is_orphan(const compose::Project& project, const ObservedContainer& container);

}  // namespace stack::plan
