// plan_up: what `up` and `create` have to do. Steps, in this order: who takes part, what must exist already,
// the fate of each network, the fate of each replica, and then the operations: networks and volumes, stops in
// reverse order, removals, all creations, and only then the starts along depends_on.
#include "manager/plan/blame.hpp"
#include "manager/plan/config_hash.hpp"
#include "manager/plan/plan_builder.hpp"
#include "manager/plan/planner.hpp"
#include "manager/plan/service_selection.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::plan {

namespace {

using compose::Dependency;
using compose::Service;

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
    const Service* service = nullptr;
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

class UpPlanner {
  public:
    UpPlanner(const compose::Project& project, const ObservedState& observed, const UpOptions& options)
        : project_{project}, observed_{observed}, options_{options} {}

    Plan plan() {
        select();
        check_externals();
        sort_containers();
        choose_networks();
        for (const std::string& name : order_) choose_replicas(services_.at(name));
        follow_restarts();
        check_names();

        add_volumes();
        for (const auto& [key, name] : new_networks_) add_network(key, "not there");
        add_stops_and_removals();
        for (const auto& [key, name] : changed_networks_) replace_network(key);
        add_creations();
        if (options_.start) add_starts();
        note_unchanged();
        warn_of_orphans();
        return std::move(builder_).finish();
    }

  private:
    void select();
    void check_externals() const;
    void sort_containers();
    void choose_networks();
    void choose_replicas(ServiceState& state);
    void choose_for_changed_network(ServiceState& state);
    std::string why_outdated(const ServiceState& state, const ObservedContainer& container) const;
    [[nodiscard]] bool network_changed(const ObservedContainer& container) const;
    void follow_restarts();
    void check_names();

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

    [[nodiscard]] int scale_of(const Service& service) const {
        const auto wish = options_.scale.find(service.name);
        return wish != options_.scale.end() ? wish->second : service.scale;
    }
    [[nodiscard]] std::string name_of(const Service& service, int number) const {
        if (!service.container_name.empty()) return service.container_name;
        return fmt::format("{0}{3}{1}{3}{2}", project_.name, service.name, number, project_.separator);
    }

    const compose::Project& project_;
    const ObservedState& observed_;
    const UpOptions& options_;
    PlanBuilder builder_;

    DependencyMap dependencies_;
    Graph graph_;
    std::vector<std::string> order_;                // all active services, needed ones first
    std::map<std::string, ServiceState> services_;  // all active services
    std::vector<const ObservedContainer*> orphans_;
    std::map<std::string, std::string> new_networks_, changed_networks_;  // key -> real name

    std::map<std::string, std::vector<int>> network_creations_, volume_creations_;  // by real name
    std::map<std::string, int> removals_, name_removals_;  // by container id, by container name
    Join creations_{.resource = "all containers created", .members = {}, .barrier = {}};
    std::map<std::string, std::vector<int>> stops_;  // bounced ones, by container id
};

// ---- who takes part
// --------------------------------------------------------------------------------------------

void UpPlanner::select() {
    if (project_.services.empty())
        throw Error{ErrorKind::invalid_input, "no service selected"}.with_hint(
            "all services are behind profiles; choose one with --profile, or name a service");
    dependencies_ = dependencies_of(project_);
    graph_ = graph_of(dependencies_);
    order_ = start_order(graph_, &project_);

    std::set<std::string> named = options_.services;
    for (const auto& [name, count] : options_.scale) named.insert(name);
    for (const std::string& name : named) {
        if (project_.services.count(name) != 0) continue;
        if (project_.disabled_services.count(name) != 0)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("service \"{}\" is behind a profile that is off", name)}
                .with_hint(
                    fmt::format("use --profile {}",
                                fmt::join(project_.disabled_services.at(name).profiles, " or --profile ")));
        check_service_names({name}, &project_, {});
    }

    std::set<std::string> selected = options_.services;
    if (selected.empty()) {
        selected = {order_.begin(), order_.end()};
    } else if (!options_.no_deps) {
        selected = reachable(graph_, selected);
    }
    for (const auto& [name, service] : project_.services) {
        ServiceState& state = services_[name];
        state.service = &service;
        state.selected = selected.count(name) != 0;
        if (!state.selected) continue;
        for (const auto& [dependency, how] : service.depends_on) {
            if (options_.no_deps || project_.services.count(dependency) != 0) continue;
            const std::string text =
                fmt::format("service \"{}\" depends on \"{}\", which is {}", name, dependency,
                            project_.disabled_services.count(dependency) != 0 ? "behind a profile that is off"
                                                                              : "not in the project");
            if (how.required) throw blame(Error{ErrorKind::invalid_input, text}, service.position);
            builder_.warn(text + "; it is optional");
        }
    }
}

void UpPlanner::check_externals() const {
    const auto missing = [](const char* what, const std::string& name, const compose::Position& position) {
        return blame(
                   Error{ErrorKind::not_found, fmt::format("external {} \"{}\" does not exist", what, name)},
                   position)
            .with_hint(
                fmt::format("bring up the project that owns it first, or take out `external: true` so that "
                            "this project makes it"));
    };
    for (const auto& [name, state] : services_) {
        if (!state.selected) continue;
        for (const auto& [key, attachment] : state.service->networks) {
            const compose::Network& network = project_.networks.at(key);
            if (network.external && observed_.external_networks.count(network.name) == 0)
                throw missing("network", network.name, network.position);
        }
        for (const compose::VolumeMount& mount : state.service->volumes) {
            if (mount.type != compose::VolumeMount::Type::volume || mount.source.empty()) continue;
            const compose::Volume& volume = project_.volumes.at(mount.source);
            if (volume.external && observed_.volumes.count(volume.name) == 0)
                throw missing("volume", volume.name, volume.position);
        }
    }
}

void UpPlanner::sort_containers() {
    for (const ObservedContainer& container : observed_.containers) {
        if (is_orphan(project_, container)) {
            orphans_.push_back(&container);
        } else if (const auto found = services_.find(container.service);
                   found != services_.end() && !container.oneoff) {
            found->second.existing.push_back(&container);
        }
    }
    std::sort(orphans_.begin(), orphans_.end(), container_before);
    for (auto& [name, state] : services_) {
        std::sort(state.existing.begin(), state.existing.end(), container_before);
        if (state.selected || !state.existing.empty()) state.hash = service_hash(*state.service);
    }
}

// ---- fates
// -----------------------------------------------------------------------------------------------------

// A network whose definition changed is made anew, and every container on it with it. It stays as it is while
// somebody is on it whom this plan has no means to make again.
void UpPlanner::choose_networks() {
    std::set<std::string> wanted;
    for (const auto& [name, state] : services_) {
        if (!state.selected) continue;
        for (const auto& [key, attachment] : state.service->networks) wanted.insert(key);
    }
    for (const std::string& key : wanted) {
        const compose::Network& network = project_.networks.at(key);
        if (network.external) continue;
        const auto there = std::find_if(observed_.networks.begin(), observed_.networks.end(),
                                        [&](const ObservedNetwork& n) { return n.name == network.name; });
        if (there == observed_.networks.end()) {
            if (observed_.external_networks.count(network.name) == 0) {
                new_networks_.emplace(key, network.name);
            } else {
                builder_.warn(
                    fmt::format("network \"{}\" was not made by project \"{}\"; it is used as it is. Say "
                                "`external: true` to mean that",
                                network.name, project_.name));
            }
            continue;
        }
        if (there->config_hash == network_hash(network)) continue;
        std::string obstacle = options_.no_recreate ? "--no-recreate" : "";
        for (const ObservedContainer& container : observed_.containers) {
            const bool removed_anyway = options_.remove_orphans && is_orphan(project_, container);
            if (container.networks.count(network.name) == 0 || removed_anyway) continue;
            if (container.oneoff || services_.count(container.service) == 0) obstacle = container.name;
        }
        if (obstacle.empty()) {
            changed_networks_.emplace(key, network.name);
        } else {
            builder_.warn(
                fmt::format("network \"{}\" has changed in the file but stays as it is because of {}",
                            network.name, obstacle));
        }
    }
}

bool UpPlanner::network_changed(const ObservedContainer& container) const {
    return std::any_of(changed_networks_.begin(), changed_networks_.end(),
                       [&](const auto& entry) { return container.networks.count(entry.second) != 0; });
}

// Empty: as it should be.
std::string UpPlanner::why_outdated(const ServiceState& state, const ObservedContainer& container) const {
    const Service& service = *state.service;
    if (container.status == ContainerStatus::dead) return "dead";
    for (const auto& [key, name] : changed_networks_)
        if (container.networks.count(name) != 0) return fmt::format("network {} changed", name);
    if (options_.no_recreate) return {};
    if (options_.force_recreate && (options_.services.empty() || options_.services.count(service.name) != 0))
        return "forced";
    if (container.config_hash != state.hash) {
        const std::string difference =
            container.service_spec ? describe_difference(*container.service_spec, service) : std::string{};
        return difference.empty() ? "configuration changed" : difference;
    }
    const auto image = observed_.images.find(service.image);
    if (image != observed_.images.end() && image->second != container.image_digest) return "image changed";
    for (const auto& [key, attachment] : service.networks)
        if (const std::string& name = project_.networks.at(key).name; container.networks.count(name) == 0)
            return fmt::format("not on network {}", name);
    for (const compose::VolumeMount& mount : service.volumes) {
        if (mount.type != compose::VolumeMount::Type::volume || mount.source.empty()) continue;
        const std::string& name = project_.volumes.at(mount.source).name;
        if (container.volumes.count(name) == 0) return fmt::format("without volume {}", name);
        if (observed_.volumes.count(name) == 0) return fmt::format("volume {} is gone", name);
    }
    return {};
}

// Numbers are never reused while a higher one is there: a new replica gets the highest plus one. Too many:
// outdated ones go first, then the highest numbers.
void UpPlanner::choose_replicas(ServiceState& state) {
    if (!state.selected) return choose_for_changed_network(state);
    const Service& service = *state.service;
    const int wanted = scale_of(service);
    if (wanted < 0)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("service \"{}\" can't have {} replicas", service.name, wanted)};
    if (wanted > 1 && !service.container_name.empty())
        throw blame(
            Error{ErrorKind::invalid_input,
                  fmt::format("service \"{}\" can't have {} replicas: container_name gives all of them "
                              "the same name",
                              service.name, wanted)},
            service.position);

    int highest = 0;
    for (const ObservedContainer* container : state.existing) {
        highest = std::max(highest, container->number);
        std::string cause = why_outdated(state, *container);
        const Fate fate = !cause.empty() ? Fate::recreate : is_up(*container) ? Fate::keep : Fate::start;
        if (fate == Fate::start) cause = "not running";
        state.replicas.push_back(
            {fate, container, container->number, name_of(service, container->number), std::move(cause)});
    }
    std::vector<Replica*> victims;
    for (Replica& replica : state.replicas) victims.push_back(&replica);
    std::sort(victims.begin(), victims.end(), [](const Replica* a, const Replica* b) {
        const bool a_outdated = a->fate == Fate::recreate, b_outdated = b->fate == Fate::recreate;
        return a_outdated != b_outdated ? a_outdated : a->number > b->number;
    });
    for (std::size_t i = 0; i + static_cast<std::size_t>(wanted) < victims.size(); ++i) {
        victims[i]->fate = Fate::remove;
        victims[i]->cause = fmt::format("scaled to {}", wanted);
    }
    for (int missing = wanted - static_cast<int>(state.existing.size()); missing > 0; --missing) {
        ++highest;
        state.replicas.push_back({Fate::create, nullptr, highest, name_of(service, highest), "not there"});
    }
}

// A service that the command does not mean, but whose network goes away under it.
void UpPlanner::choose_for_changed_network(ServiceState& state) {
    for (const ObservedContainer* container : state.existing) {
        if (!network_changed(*container)) continue;
        state.replicas.push_back({Fate::recreate, container, container->number,
                                  name_of(*state.service, container->number),
                                  why_outdated(state, *container)});
    }
}

// `restart: true`: who depends so on a service that is made anew, or restarted for this very reason, is
// restarted. In dependency order, so one pass reaches everybody.
void UpPlanner::follow_restarts() {
    if (!options_.start) return;
    for (const std::string& name : order_) {
        ServiceState& state = services_.at(name);
        for (const auto& [dependency, how] : dependencies_.at(name)) {
            if (!how.restart || !services_.at(dependency).renewed()) continue;
            const std::string cause = fmt::format("dependency {} restarts", dependency);
            if (!state.selected && state.replicas.empty()) {
                for (const ObservedContainer* container : state.existing)
                    if (is_up(*container))
                        state.replicas.push_back(
                            {Fate::bounce, container, container->number, container->name, cause});
            }
            for (Replica& replica : state.replicas) {
                if (replica.fate != Fate::keep) continue;
                replica.fate = Fate::bounce;
                replica.cause = cause;
            }
        }
    }
}

// Two containers can't have one name; container_name makes that possible.
void UpPlanner::check_names() {
    std::map<std::string, const ObservedContainer*> taken;
    for (const ObservedContainer& container : observed_.containers) taken.emplace(container.name, &container);
    if (options_.remove_orphans)
        for (const ObservedContainer* orphan : orphans_) taken.erase(orphan->name);
    for (const auto& [service, state] : services_)
        for (const Replica& replica : state.replicas)
            if (replica.old != nullptr && (replica.fate == Fate::recreate || replica.fate == Fate::remove))
                taken.erase(replica.old->name);
    for (const auto& [service, state] : services_) {
        for (const Replica& replica : state.replicas) {
            if (replica.fate != Fate::create && replica.fate != Fate::recreate) continue;
            const auto holder = taken.find(replica.name);
            if (holder == taken.end()) continue;
            Error error{ErrorKind::conflict,
                        fmt::format("container name \"{}\" is taken by a container of service \"{}\"",
                                    replica.name, holder->second->service)};
            if (is_orphan(project_, *holder->second)) error.with_hint("--remove-orphans removes that one");
            throw blame(std::move(error), state.service->position);
        }
    }
}

// ---- operations
// ------------------------------------------------------------------------------------------------

void UpPlanner::add_volumes() {
    std::map<std::string, std::string> wanted;  // key -> real name
    for (const auto& [name, state] : services_) {
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

int UpPlanner::add_network(const std::string& key, const std::string& cause) {
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

void UpPlanner::replace_network(const std::string& key) {
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

void UpPlanner::add_stops_and_removals() {
    StopEmitter stops{builder_, graph_};
    std::map<std::string, int> stopped;  // by container id
    if (options_.remove_orphans) add_orphan_removals(stops);
    for (auto name = order_.rbegin(); name != order_.rend(); ++name) {
        for (const Replica& replica : services_.at(*name).replicas) {
            const bool goes = replica.fate == Fate::recreate || replica.fate == Fate::remove;
            if (replica.old == nullptr || !is_up(*replica.old) || !(goes || replica.fate == Fate::bounce))
                continue;
            stopped[replica.old->id] = stops.stop(*replica.old, replica.cause, options_.timeout);
            if (!goes) stops_[replica.old->id] = {stopped.at(replica.old->id)};
        }
    }
    for (auto name = order_.rbegin(); name != order_.rend(); ++name) {
        for (const Replica& replica : services_.at(*name).replicas) {
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
void UpPlanner::add_orphan_removals(StopEmitter& stops) {
    for (const ObservedContainer* orphan : orphans_) {
        const std::string cause = orphan->oneoff ? "one-off that has ended" : "not in the file";
        Operation removal = container_operation(OperationKind::remove_container, *orphan, cause);
        if (is_up(*orphan)) removal.prerequisites = {stops.stop(*orphan, cause, options_.timeout)};
        const int id = builder_.add(std::move(removal));
        removals_[orphan->id] = name_removals_[orphan->name] = id;
        creations_.members.push_back(id);
    }
}

void UpPlanner::add_creations() {
    for (const std::string& name : order_) {
        const ServiceState& state = services_.at(name);
        for (const Replica& replica : state.replicas)
            if (replica.fate == Fate::create || replica.fate == Fate::recreate)
                creations_.members.push_back(add_creation(state, replica));
    }
}

int UpPlanner::add_creation(const ServiceState& state, const Replica& replica) {
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

void UpPlanner::add_starts() {
    StartEmitter starts{builder_};
    for (const std::string& name : order_) {
        const ServiceState& state = services_.at(name);
        std::map<std::string, Dependency> conditions;
        for (const auto& [dependency, how] : dependencies_.at(name)) {
            const ServiceState& needed = services_.at(dependency);
            const bool takes_part = needed.selected || !needed.replicas.empty();
            if (takes_part && !(needed.selected && scale_of(*needed.service) == 0))
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

void UpPlanner::note_unchanged() {
    for (const auto& [name, state] : services_)
        for (const Replica& replica : state.replicas)
            if (replica.fate == Fate::keep) builder_.unchanged("Container " + replica.old->name);
}

void UpPlanner::warn_of_orphans() {
    if (orphans_.empty() || options_.remove_orphans || options_.ignore_orphans) return;
    std::vector<std::string> names;
    for (const ObservedContainer* orphan : orphans_) names.push_back(orphan->name);
    builder_.warn(
        fmt::format("Found orphan containers ({}) for this project. If you removed or renamed a service in "
                    "the file, --remove-orphans cleans them up.",
                    join(names, ", ")));
}

}  // namespace

Plan plan_up(const compose::Project& project, const ObservedState& observed, const UpOptions& options) {
    return UpPlanner{project, observed, options}.plan();
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
