// The first half of planning an `up`: who takes part, what must exist already, and the fate of each network and each
// replica. plan_up.cpp makes operations of it. Pure; internal to manager/plan.
#pragma once

#include "manager/plan/graph.hpp"
#include "manager/plan/observed_state.hpp"
#include "manager/plan/plan.hpp"
#include "manager/plan/planner.hpp"
#include "manager/plan/service_selection.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace stack::plan {

enum class Fate {
    keep,      // up and as it should be
    start,     // as it should be, but down
    bounce,    // as it should be, but stopped and started because of a dependency
    create,    // not there
    recreate,  // there, and not as it should be
    remove,    // too many
};

struct Replica {
    Fate fate{};
    const ObservedContainer* old = nullptr;  // null for create
    int number = 0;
    std::string name;  // as it should be
    std::string cause;
};

struct ServiceState {
    const compose::Service* service = nullptr;
    std::string hash;
    std::vector<const ObservedContainer*> existing;  // numbered ones, by number
    std::vector<Replica> replicas;                   // by number
    bool selected = false;
    [[nodiscard]] bool renewed() const {
        return std::any_of(replicas.begin(), replicas.end(), [](const Replica& r) {
            return r.fate == Fate::recreate || r.fate == Fate::bounce;
        });
    }
};

/// What an `up` found out. Points into the project and the observed state it was made from.
struct UpFates {
    DependencyMap dependencies;
    Graph graph;
    std::vector<std::string> order;                // all active services, needed ones first
    std::map<std::string, ServiceState> services;  // all active services
    std::vector<const ObservedContainer*> orphans;
    std::map<std::string, std::string> new_networks, changed_networks;  // key -> real name
    std::vector<std::string> warnings;
};

/// How many replicas the service is to have.
int scale_of(const compose::Service& service, const UpOptions& options);

/// Throws Error for a service that is not there or can't be what it is told to be, for what is missing outside the
/// project, for a container's name that is taken.
UpFates choose_fates(const compose::Project& project, const ObservedState& observed,
                     const UpOptions& options);

}  // namespace stack::plan
