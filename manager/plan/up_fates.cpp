#include "manager/plan/up_fates.hpp"

#include "manager/plan/blame.hpp"
#include "manager/plan/config_hash.hpp"
#include "manager/plan/plan_builder.hpp"
#include "runtime/base/error.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>

namespace stack::plan {

namespace {

using compose::Service;

class FateChooser {
  public:
    FateChooser(const compose::Project& project, const ObservedState& observed, const UpOptions& options)
        : project_{project}, observed_{observed}, options_{options} {}

    UpFates choose() {
        select();
        check_externals();
        sort_containers();
        choose_networks();
        for (const std::string& name : fates_.order) choose_replicas(fates_.services.at(name));
        follow_restarts();
        check_names();
        return std::move(fates_);
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

    void warn(std::string text) { fates_.warnings.push_back(std::move(text)); }
    [[nodiscard]] std::string name_of(const Service& service, int number) const {
        if (!service.container_name.empty()) return service.container_name;
        return fmt::format("{0}{3}{1}{3}{2}", project_.name, service.name, number, project_.separator);
    }

    const compose::Project& project_;
    const ObservedState& observed_;
    const UpOptions& options_;
    UpFates fates_;
};

void FateChooser::select() {
    if (project_.services.empty())
        throw Error{ErrorKind::invalid_input, "no service selected"}.with_hint(
            "all services are behind profiles; choose one with --profile, or name a service");
    fates_.dependencies = dependencies_of(project_);
    fates_.graph = graph_of(fates_.dependencies);
    fates_.order = start_order(fates_.graph, &project_);

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
        selected = {fates_.order.begin(), fates_.order.end()};
    } else if (!options_.no_deps) {
        selected = reachable(fates_.graph, selected);
    }
    for (const auto& [name, service] : project_.services) {
        ServiceState& state = fates_.services[name];
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
            warn(text + "; it is optional");
        }
    }
}

void FateChooser::check_externals() const {
    const auto missing = [](const char* what, const std::string& name, const compose::Position& position) {
        return blame(
                   Error{ErrorKind::not_found, fmt::format("external {} \"{}\" does not exist", what, name)},
                   position)
            .with_hint(
                fmt::format("bring up the project that owns it first, or take out `external: true` so that "
                            "this project makes it"));
    };
    for (const auto& [name, state] : fates_.services) {
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

void FateChooser::sort_containers() {
    for (const ObservedContainer& container : observed_.containers) {
        if (is_orphan(project_, container)) {
            fates_.orphans.push_back(&container);
        } else if (const auto found = fates_.services.find(container.service);
                   found != fates_.services.end() && !container.oneoff) {
            found->second.existing.push_back(&container);
        }
    }
    std::sort(fates_.orphans.begin(), fates_.orphans.end(), container_before);
    for (auto& [name, state] : fates_.services) {
        std::sort(state.existing.begin(), state.existing.end(), container_before);
        if (state.selected || !state.existing.empty()) state.hash = service_hash(*state.service);
    }
}

// A network whose definition changed is made anew, and every container on it with it. It stays as it is while
// somebody is on it whom this plan has no means to make again.
void FateChooser::choose_networks() {
    std::set<std::string> wanted;
    for (const auto& [name, state] : fates_.services) {
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
                fates_.new_networks.emplace(key, network.name);
            } else {
                warn(
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
            if (container.oneoff || fates_.services.count(container.service) == 0) obstacle = container.name;
        }
        if (obstacle.empty()) {
            fates_.changed_networks.emplace(key, network.name);
        } else {
            warn(fmt::format("network \"{}\" has changed in the file but stays as it is because of {}",
                             network.name, obstacle));
        }
    }
}

bool FateChooser::network_changed(const ObservedContainer& container) const {
    return std::any_of(fates_.changed_networks.begin(), fates_.changed_networks.end(),
                       [&](const auto& entry) { return container.networks.count(entry.second) != 0; });
}

// Empty: as it should be.
std::string FateChooser::why_outdated(const ServiceState& state, const ObservedContainer& container) const {
    const Service& service = *state.service;
    if (container.status == ContainerStatus::dead) return "dead";
    for (const auto& [key, name] : fates_.changed_networks)
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
void FateChooser::choose_replicas(ServiceState& state) {
    if (!state.selected) return choose_for_changed_network(state);
    const Service& service = *state.service;
    const int wanted = scale_of(service, options_);
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
void FateChooser::choose_for_changed_network(ServiceState& state) {
    for (const ObservedContainer* container : state.existing) {
        if (!network_changed(*container)) continue;
        state.replicas.push_back({Fate::recreate, container, container->number,
                                  name_of(*state.service, container->number),
                                  why_outdated(state, *container)});
    }
}

// `restart: true`: who depends so on a service that is made anew, or restarted for this very reason, is
// restarted. In dependency order, so one pass reaches everybody.
void FateChooser::follow_restarts() {
    if (!options_.start) return;
    for (const std::string& name : fates_.order) {
        ServiceState& state = fates_.services.at(name);
        for (const auto& [dependency, how] : fates_.dependencies.at(name)) {
            if (!how.restart || !fates_.services.at(dependency).renewed()) continue;
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
void FateChooser::check_names() {
    std::map<std::string, const ObservedContainer*> taken;
    for (const ObservedContainer& container : observed_.containers) taken.emplace(container.name, &container);
    if (options_.remove_orphans)
        for (const ObservedContainer* orphan : fates_.orphans) taken.erase(orphan->name);
    for (const auto& [service, state] : fates_.services)
        for (const Replica& replica : state.replicas)
            if (replica.old != nullptr && (replica.fate == Fate::recreate || replica.fate == Fate::remove))
                taken.erase(replica.old->name);
    for (const auto& [service, state] : fates_.services) {
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

}  // namespace

int scale_of(const Service& service, const UpOptions& options) {
    const auto wish = options.scale.find(service.name);
    return wish != options.scale.end() ? wish->second : service.scale;
}

UpFates choose_fates(const compose::Project& project, const ObservedState& observed,
                     const UpOptions& options) {
    return FateChooser{project, observed, options}.choose();
}

}  // namespace stack::plan
