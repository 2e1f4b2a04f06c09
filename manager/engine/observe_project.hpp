// What exists of a project, gathered from records and the image store: the planner's input for the supervisor and
// for `--dry-run` alike. Reads only.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/engine/project_store.hpp"
#include "manager/plan/plan_images.hpp"

#include <set>
#include <string>

namespace stack::engine {

/// `project` names the images, external networks and volumes to look up; it may be null.
plan::ObservedState observe_project(const Paths& paths, const ProjectState& state,
                                    const compose::Project* project);

/// What the image store has of these names.
plan::KnownImages known_images(const Paths& paths, const std::set<std::string>& names);

}  // namespace stack::engine
