// plan_down: stop in reverse dependency order, remove the containers, then their networks, then volumes if
// asked.
#include "manager/plan/plan_builder.hpp"
#include "manager/plan/planner.hpp"
#include "manager/plan/service_selection.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::plan {

namespace {

class DownPlanner {
  public:
    DownPlanner(const compose::Project* project, const ObservedState& observed, const DownOptions& options)
        : project_{project}, observed_{observed}, options_{options} {}

    Plan plan(const std::string& project_name) {
        check_service_names(options_.services, project_, observed_);
        for (const ObservedContainer& container : observed_.containers)
            (goes(container) ? going_ : staying_).push_back(&container);
        add_containers();
        if (options_.services.empty()) {
            add_networks();
            if (options_.volumes) add_volumes();
        }
        warn_of_orphans();
        const bool nothing = observed_.containers.empty() && observed_.networks.empty();
        Plan plan = std::move(builder_).finish();
        if (plan.empty() && plan.warnings.empty() && nothing)
            plan.warnings.push_back(
                fmt::format("No resource found to remove for project \"{}\"", project_name));
        return plan;
    }

  private:
    // Services behind profiles that are off are no orphans, yet they stay unless somebody asks for them.
    [[nodiscard]] bool goes(const ObservedContainer& container) const {
        if (!options_.services.empty()) return options_.services.count(container.service) != 0;
        if (project_ == nullptr || options_.remove_orphans) return true;
        return project_->services.count(container.service) != 0;
    }

    void add_containers() {
        Graph graph = graph_of(dependencies_of(project_, observed_));
        std::map<std::string, std::vector<const ObservedContainer*>> by_service;
        for (const ObservedContainer* container : going_) by_service[container->service].push_back(container);
        StopEmitter stops{builder_, graph};
        std::vector<Operation> removals;
        for (const std::string& service : stop_order(graph)) {
            const auto found = by_service.find(service);
            if (found == by_service.end()) continue;
            std::sort(found->second.begin(), found->second.end(), container_before);
            for (const ObservedContainer* container : found->second) {
                Operation removal = container_operation(OperationKind::remove_container, *container, "down");
                if (is_up(*container))
                    removal.prerequisites = {stops.stop(*container, "down", options_.timeout)};
                removals.push_back(std::move(removal));
            }
        }
        for (Operation& removal : removals) {
            const std::string id = removal.container_id;
            removals_[id] = builder_.add(std::move(removal));
        }
    }

    // One operation for a network or volume, after the removals of the containers that use it. Stays while a
    // container that stays uses it.
    void add_removal(OperationKind kind, const char* what, const std::string& name, const std::string& key,
                     std::set<std::string> ObservedContainer::*uses) {
        const auto user = std::find_if(
            staying_.begin(), staying_.end(),
            [&](const ObservedContainer* container) { return (container->*uses).count(name) != 0; });
        if (user != staying_.end()) {
            builder_.warn(fmt::format("{} {}: Resource is still in use by {}", what, name, (*user)->name));
            return;
        }
        Join users{
            .resource = fmt::format("{} {} unused", to_lower(what), name), .members = {}, .barrier = {}};
        for (const ObservedContainer* container : going_)
            if ((container->*uses).count(name) != 0) users.members.push_back(removals_.at(container->id));
        std::sort(users.members.begin(), users.members.end());
        Operation removal;
        removal.kind = kind;
        removal.resource = fmt::format("{} {}", what, name);
        removal.cause = "down";
        removal.name = name;
        removal.key = key;
        removal.prerequisites = builder_.all_of(users);
        builder_.add(std::move(removal));
    }

    void add_networks() {
        std::map<std::string, std::string> networks;  // sorted by name
        for (const ObservedNetwork& network : observed_.networks) networks.emplace(network.name, network.key);
        for (const auto& [name, key] : networks)
            add_removal(OperationKind::remove_network, "Network", name, key, &ObservedContainer::networks);
    }

    // The file's own volumes; without a file all that carry the project's label.
    void add_volumes() {
        std::map<std::string, std::string> volumes;
        if (project_ == nullptr) {
            for (const std::string& name : observed_.project_volumes) volumes.emplace(name, "");
        } else {
            for (const auto& [key, volume] : project_->volumes)
                if (!volume.external && observed_.project_volumes.count(volume.name) != 0)
                    volumes.emplace(volume.name, key);
        }
        for (const auto& [name, key] : volumes)
            add_removal(OperationKind::remove_volume, "Volume", name, key, &ObservedContainer::volumes);
    }

    void warn_of_orphans() {
        if (project_ == nullptr || !options_.services.empty()) return;
        std::vector<std::string> names;
        for (const ObservedContainer* container : staying_)
            if (is_orphan(*project_, *container)) names.push_back(container->name);
        if (names.empty()) return;
        std::sort(names.begin(), names.end());
        builder_.warn(
            fmt::format("Found orphan containers ({}) for this project. --remove-orphans cleans them up.",
                        join(names, ", ")));
    }

    const compose::Project* project_;
    const ObservedState& observed_;
    const DownOptions& options_;
    PlanBuilder builder_;
    std::vector<const ObservedContainer*> going_, staying_;
    std::map<std::string, int> removals_;  // by container id
};

}  // namespace

Plan plan_down(const std::string& project_name, const compose::Project* project,
               const ObservedState& observed, const DownOptions& options) {
    return DownPlanner{project, observed, options}.plan(project_name);
}

}  // namespace stack::plan
