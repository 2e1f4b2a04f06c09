// The planner: (what the file asks, what exists, what the command says) -> Plan. Pure: reads no file, clock
// or terminal. Order and recreate rules are those of the Compose command line (docs/compose.md).
#pragma once

#include "manager/compose/model.hpp"
#include "manager/plan/observed_state.hpp"
#include "manager/plan/plan.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::plan {

struct UpOptions {
    std::set<std::string> services;  ///< empty: all; their dependencies come along
    std::map<std::string, int> scale;
    bool force_recreate = false, no_recreate = false, no_deps = false, remove_orphans = false;
    bool ignore_orphans = false;  ///< no warning of them
    bool start = true;            ///< false: create only
    std::optional<std::chrono::nanoseconds> timeout;
    bool operator==(const UpOptions&) const = default;
};

struct DownOptions {
    std::set<std::string> services;  ///< empty: the whole project with its networks
    bool volumes = false, remove_orphans = false;
    std::optional<std::chrono::nanoseconds> timeout;
    bool operator==(const DownOptions&) const = default;
};

/// Throws Error(invalid_input) for a service that is not in the project (with a suggestion), for missing
/// external networks and volumes, and for a dependency cycle (printed as a path).
Plan plan_up(const compose::Project& project, const ObservedState& observed, const UpOptions& options);
/// `project` may be absent: then records alone decide (no file, or a file that no longer loads).
Plan plan_down(const std::string& project_name, const compose::Project* project,
               const ObservedState& observed, const DownOptions& options);

struct SelectOptions {
    std::set<std::string> services;  ///< empty: all of the project
    std::optional<std::chrono::nanoseconds> timeout;
    bool no_deps = false;
    int signal = 9;  ///< kill
    bool operator==(const SelectOptions&) const = default;
};
/// The existing containers, in dependency order, with their conditions; never creates.
Plan plan_start(const compose::Project* project, const ObservedState& observed, const SelectOptions& options);
/// Reverse dependency order, level by level.
Plan plan_stop(const compose::Project* project, const ObservedState& observed, const SelectOptions& options);
/// Stop then start of the same containers; dependants with `restart: true` follow.
Plan plan_restart(const compose::Project* project, const ObservedState& observed,
                  const SelectOptions& options);
Plan plan_kill(const compose::Project* project, const ObservedState& observed, const SelectOptions& options);

/// What `up --wait` waits for, by service: completion where a dependant asks for that, health where the file
/// has a check, else running (the caller waits for health there too when the image brings a check).
std::map<std::string, compose::DependencyCondition> wait_targets(const compose::Project& project,
                                                                 const std::set<std::string>& services);

}  // namespace stack::plan
