// plan_up: what `up` and `create` have to do. up_fates.cpp says what becomes of everything; here that turns into
// operations: networks and volumes, stops in reverse order, removals, all creations, and only then the starts along
// depends_on.
#include "manager/plan/config_hash.hpp"
#include "manager/plan/plan_builder.hpp"
#include "manager/plan/planner.hpp"
#include "manager/plan/up_fates.hpp"
#include "runtime/base/text.hpp"

#include <utility>

#include <fmt/format.h>

namespace stack::plan {

namespace {

using compose::Dependency;
using compose::Service;

class UpOperations {
  public:
    UpOperations(const compose::Project& project, const ObservedState& observed, const UpOptions& options,
                 UpFates fates)
        : project_{project}, observed_{observed}, options_{options}, fates_{std::move(fates)} {}

    Plan plan() {
        for (const std::string& warning : fates_.warnings) builder_.warn(warning);
        add_volumes();
        for (const auto& [key, name] : fates_.new_networks) add_network(key, "not there");
        add_stops_and_removals();
        for (const auto& [key, name] : fates_.changed_networks) replace_network(key);
        add_creations();
        if (options_.start) add_starts();
        note_unchanged();
        warn_of_orphans();
        return std::move(builder_).finish();
    }

  private:
    void add_volumes();
    int add_network(const std::string& key, const std::string& cause);
    void replace_network(const std::string& key);
    void add_stops_and_removals();
    void add_orphan_removals(StopEmitter& stops);
    void add_creations();
    int add_creation(const ServiceState& state, const Replica& replica);
    void add_starts();
    void note_unchanged();
    void warn_of_orphans();

    const compose::Project& project_;
    const ObservedState& observed_;
    const UpOptions& options_;
    const UpFates fates_;
    PlanBuilder builder_;

    std::map<std::string, std::vector<int>> network_creations_, volume_creations_;  // by real name
    std::map<std::string, int> removals_, name_removals_;  // by container id, by container name
    Join creations_{.resource = "all containers created", .members = {}, .barrier = {}};
    std::map<std::string, std::vector<int>> stops_;  // bounced ones, by container id
};

void UpOperations::add_volumes() {
    std::map<std::string, std::string> wanted;  // key -> real name
    for (const auto& [name, state] : fates_.services) {
        if (!state.selected) continue;
        for (const compose::VolumeMount& mount : state.service->volumes)
            if (mount.type == compose::VolumeMount::Type::volume && !mount.source.empty())
                wanted.emplace(mount.source, project_.volumes.at(mount.source).name);
    }
    for (const auto& [key, name] : wanted) {
        if (project_.volumes.at(key).external) continue;
        if (observed_.volumes.count(name) != 0) {
            if (observed_.project_volumes.count(name) == 0)
                builder_.warn(
                    fmt::format("volume \"{}\" was not made by project \"{}\"; it is used as it is. Say "
                                "`external: true` to mean that",
                                name, project_.name));
            continue;
        }
        if (volume_creations_.count(name) != 0) continue;
        Operation operation;
        operation.kind = OperationKind::create_volume;
        operation.resource = "Volume " + name;
        operation.cause = "not there";
        operation.name = name;
        operation.key = key;
        volume_creations_[name] = {builder_.add(std::move(operation))};
    }
}

int UpOperations::add_network(const std::string& key, const std::string& cause) {
    const compose::Network& network = project_.networks.at(key);
    Operation operation;
    operation.kind = OperationKind::create_network;
    operation.resource = "Network " + network.name;
    operation.cause = cause;
    operation.name = network.name;
    operation.key = key;
    operation.config_hash = network_hash(network);
    const int id = builder_.add(std::move(operation));
    network_creations_[network.name] = {id};
    return id;
}

void UpOperations::replace_network(const std::string& key) {
    const std::string& name = project_.networks.at(key).name;
    Join users{.resource = fmt::format("network {} unused", name), .members = {}, .barrier = {}};
    for (const ObservedContainer& container : observed_.containers)
        if (const auto removal = removals_.find(container.id);
            removal != removals_.end() && container.networks.count(name) != 0)
            users.members.push_back(removal->second);
    Operation removal;
    removal.kind = OperationKind::remove_network;
    removal.resource = "Network " + name;
    removal.cause = "configuration changed";
    removal.name = name;
    removal.key = key;
    removal.prerequisites = builder_.all_of(users);
    const int removed = builder_.add(std::move(removal));
    const int created = add_network(key, "configuration changed");
    builder_.at(created).prerequisites = {removed};
}

void UpOperations::add_stops_and_removals() {
    StopEmitter stops{builder_, fates_.graph};
    std::map<std::string, int> stopped;  // by container id
    if (options_.remove_orphans) add_orphan_removals(stops);
    for (auto name = fates_.order.rbegin(); name != fates_.order.rend(); ++name) {
        for (const Replica& replica : fates_.services.at(*name).replicas) {
            const bool goes = replica.fate == Fate::recreate || replica.fate == Fate::remove;
            if (replica.old == nullptr || !is_up(*replica.old) || !(goes || replica.fate == Fate::bounce))
                continue;
            stopped[replica.old->id] = stops.stop(*replica.old, replica.cause, options_.timeout);
            if (!goes) stops_[replica.old->id] = {stopped.at(replica.old->id)};
        }
    }
    for (auto name = fates_.order.rbegin(); name != fates_.order.rend(); ++name) {
        for (const Replica& replica : fates_.services.at(*name).replicas) {
            if (replica.fate != Fate::recreate && replica.fate != Fate::remove) continue;
            Operation removal =
                container_operation(OperationKind::remove_container, *replica.old, replica.cause);
            if (const auto stop = stopped.find(replica.old->id); stop != stopped.end())
                removal.prerequisites = {stop->second};
            const int id = builder_.add(std::move(removal));
            removals_[replica.old->id] = name_removals_[replica.old->name] = id;
        }
    }
}

// Before anything new starts: what a renamed service left behind may hold the ports that its successor asks
// for.
void UpOperations::add_orphan_removals(StopEmitter& stops) {
    for (const ObservedContainer* orphan : fates_.orphans) {
        const std::string cause = orphan->oneoff ? "one-off that has ended" : "not in the file";
        Operation removal = container_operation(OperationKind::remove_container, *orphan, cause);
        if (is_up(*orphan)) removal.prerequisites = {stops.stop(*orphan, cause, options_.timeout)};
        const int id = builder_.add(std::move(removal));
        removals_[orphan->id] = name_removals_[orphan->name] = id;
        creations_.members.push_back(id);
    }
}

void UpOperations::add_creations() {
    for (const std::string& name : fates_.order) {
        const ServiceState& state = fates_.services.at(name);
        for (const Replica& replica : state.replicas)
            if (replica.fate == Fate::create || replica.fate == Fate::recreate)
                creations_.members.push_back(add_creation(state, replica));
    }
}

int UpOperations::add_creation(const ServiceState& state, const Replica& replica) {
    const Service& service = *state.service;
    Operation operation;
    operation.kind = OperationKind::create_container;
    operation.resource = "Container " + replica.name;
    operation.cause = replica.cause;
    operation.service = service.name;
    operation.number = replica.number;
    operation.name = replica.name;
    operation.config_hash = state.hash;
    std::vector<int>& after = operation.prerequisites;
    const auto add_all = [&after](const std::map<std::string, std::vector<int>>& creations,
                                  const std::string& name) {
        if (const auto found = creations.find(name); found != creations.end())
            after.insert(after.end(), found->second.begin(), found->second.end());
    };
    for (const auto& [key, attachment] : service.networks)
        add_all(network_creations_, project_.networks.at(key).name);
    for (const compose::VolumeMount& mount : service.volumes)
        if (mount.type == compose::VolumeMount::Type::volume && !mount.source.empty())
            add_all(volume_creations_, project_.volumes.at(mount.source).name);
    if (replica.old != nullptr) {
        operation.replaces = replica.old->id;
        after.push_back(removals_.at(replica.old->id));
    }
    if (!service.container_name.empty()) {  // the name may have been somebody else's until now
        const auto removal = name_removals_.find(replica.name);
        if (removal != name_removals_.end()) after.push_back(removal->second);
    }
    return builder_.add(std::move(operation));
}

void UpOperations::add_starts() {
    StartEmitter starts{builder_};
    for (const std::string& name : fates_.order) {
        const ServiceState& state = fates_.services.at(name);
        std::map<std::string, Dependency> conditions;
        for (const auto& [dependency, how] : fates_.dependencies.at(name)) {
            const ServiceState& needed = fates_.services.at(dependency);
            const bool takes_part = needed.selected || !needed.replicas.empty();
            if (takes_part && !(needed.selected && scale_of(*needed.service, options_) == 0))
                conditions.emplace(dependency, how);
        }
        for (const Replica& replica : state.replicas) {
            if (replica.fate == Fate::remove || replica.fate == Fate::keep) continue;
            std::vector<int> after = builder_.all_of(creations_);
            Operation start;
            if (replica.fate == Fate::create || replica.fate == Fate::recreate) {
                start.kind = OperationKind::start_container;
                start.resource = "Container " + replica.name;
                start.cause = replica.fate == Fate::create ? "created" : "recreated";
                start.service = name;
                start.number = replica.number;
                start.name = replica.name;
            } else {
                start = container_operation(OperationKind::start_container, *replica.old, replica.cause);
                if (replica.fate == Fate::bounce)
                    after.insert(after.end(), stops_.at(replica.old->id).begin(),
                                 stops_.at(replica.old->id).end());
            }
            starts.start(std::move(start), conditions, std::move(after));
        }
    }
}

void UpOperations::note_unchanged() {
    for (const auto& [name, state] : fates_.services)
        for (const Replica& replica : state.replicas)
            if (replica.fate == Fate::keep) builder_.unchanged("Container " + replica.old->name);
}

void UpOperations::warn_of_orphans() {
    if (fates_.orphans.empty() || options_.remove_orphans || options_.ignore_orphans) return;
    std::vector<std::string> names;
    for (const ObservedContainer* orphan : fates_.orphans) names.push_back(orphan->name);
    builder_.warn(
        fmt::format("Found orphan containers ({}) for this project. If you removed or renamed a service in "
                    "the file, --remove-orphans cleans them up.",
                    join(names, ", ")));
}

}  // namespace

Plan plan_up(const compose::Project& project, const ObservedState& observed, const UpOptions& options) {
    return UpOperations{project, observed, options, choose_fates(project, observed, options)}.plan();
}

std::map<std::string, compose::DependencyCondition> wait_targets(const compose::Project& project,
                                                                 const std::set<std::string>& services) {
    using compose::DependencyCondition;
    std::map<std::string, DependencyCondition> targets;
    const Graph graph = graph_of(dependencies_of(project));
    std::set<std::string> all;
    for (const auto& [name, service] : project.services) all.insert(name);
    for (const std::string& name : services.empty() ? all : reachable(graph, services)) {
        const std::optional<compose::Healthcheck>& check = project.services.at(name).healthcheck;
        const bool off = check && (check->disable || (!check->test.empty() && check->test.front() == "NONE"));
        targets[name] =
            check && !off ? DependencyCondition::service_healthy : DependencyCondition::service_started;
    }
    for (const auto& [name, service] : project.services)
        for (const auto& [dependency, how] : service.depends_on)
            if (how.condition == DependencyCondition::service_completed_successfully &&
                targets.count(dependency) != 0)
                targets[dependency] = how.condition;
    return targets;
}

}  // namespace stack::plan
