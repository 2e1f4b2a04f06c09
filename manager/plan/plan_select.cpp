// plan_start, plan_stop, plan_restart, plan_kill: commands on containers that exist. The file gives order and
// conditions where there is one, else what the containers recorded.
#include "manager/plan/plan_builder.hpp"
#include "manager/plan/planner.hpp"
#include "manager/plan/service_selection.hpp"
#include "runtime/base/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::plan {

namespace {

using ContainersByService = std::map<std::string, std::vector<const ObservedContainer*>>;

// What the four have in common: names checked, containers and dependencies by service.
struct Selection {
    Selection(const compose::Project* project, const ObservedState& observed, const SelectOptions& options,
              bool oneoffs)
        : dependencies{dependencies_of(project, observed)}, graph{graph_of(dependencies)} {
        check_service_names(options.services, project, observed);
        for (const ObservedContainer& container : observed.containers)
            if (oneoffs || !container.oneoff) containers[container.service].push_back(&container);
        for (auto& [service, list] : containers) std::sort(list.begin(), list.end(), container_before);
        services = options.services;
        if (!services.empty()) return;
        if (project == nullptr) {
            for (const auto& [service, list] : containers) services.insert(service);
        } else {
            for (const auto& [service, definition] : project->services) services.insert(service);
        }
    }

    [[nodiscard]] std::vector<const ObservedContainer*> of(const std::string& service) const {
        const auto found = services.count(service) != 0 ? containers.find(service) : containers.end();
        return found != containers.end() ? found->second : std::vector<const ObservedContainer*>{};
    }

    /// Those dependencies of `service` that take part.
    [[nodiscard]] std::map<std::string, compose::Dependency> conditions(const std::string& service) const {
        std::map<std::string, compose::Dependency> result;
        for (const auto& [dependency, how] : dependencies.at(service))
            if (!of(dependency).empty()) result.emplace(dependency, how);
        return result;
    }

    DependencyMap dependencies;
    Graph graph;
    ContainersByService containers;
    std::set<std::string> services;
};

Error nothing_to(const char* verb, const std::string& service) {
    return Error{ErrorKind::not_found, fmt::format("service \"{}\" has no container to {}", service, verb)}
        .with_hint(fmt::format("`stack up {}` creates it", service));
}

// Services that name one of `targets` in depends_on with `restart: true`, and so on.
std::set<std::string> with_restarting_dependants(const DependencyMap& dependencies,
                                                 std::set<std::string> targets) {
    Graph follows;
    for (const auto& [service, needs] : dependencies) {
        follows[service];
        for (const auto& [dependency, how] : needs)
            if (how.restart) follows[dependency].insert(service);
    }
    return reachable(follows, targets);
}

}  // namespace

Plan plan_start(const compose::Project* project, const ObservedState& observed,
                const SelectOptions& options) {
    Selection selection{project, observed, options, false};
    const std::set<std::string> named = selection.services;
    const std::vector<std::string> order = start_order(selection.graph, project);
    if (!options.no_deps) selection.services = reachable(selection.graph, selection.services);

    PlanBuilder builder;
    StartEmitter starts{builder};
    for (const std::string& service : order) {
        const std::vector<const ObservedContainer*> containers = selection.of(service);
        if (containers.empty() && named.count(service) != 0) {
            const bool none_wanted = project != nullptr && project->services.count(service) != 0 &&
                                     project->services.at(service).scale == 0;
            if (!none_wanted) throw nothing_to("start", service);
        }
        for (const ObservedContainer* container : containers) {
            if (is_up(*container)) {
                builder.unchanged("Container " + container->name);
            } else {
                starts.start(container_operation(OperationKind::start_container, *container, "start"),
                             selection.conditions(service), {});
            }
        }
    }
    return std::move(builder).finish();
}

Plan plan_stop(const compose::Project* project, const ObservedState& observed, const SelectOptions& options) {
    Selection selection{project, observed, options, false};
    const std::vector<std::string> order = stop_order(selection.graph);
    PlanBuilder builder;
    StopEmitter stops{builder, selection.graph};
    for (const std::string& service : order)
        for (const ObservedContainer* container : selection.of(service))
            if (is_up(*container)) stops.stop(*container, "stop", options.timeout);
    return std::move(builder).finish();
}

Plan plan_restart(const compose::Project* project, const ObservedState& observed,
                  const SelectOptions& options) {
    Selection selection{project, observed, options, false};
    const std::set<std::string> named = selection.services;
    const std::vector<std::string> order = start_order(selection.graph, project);
    for (const std::string& service : options.services)
        if (selection.of(service).empty()) throw nothing_to("restart", service);
    if (!options.no_deps)
        selection.services = with_restarting_dependants(selection.dependencies, selection.services);
    const auto cause = [&](const std::string& service) {
        if (named.count(service) != 0) return std::string{"restart"};
        for (const auto& [dependency, how] : selection.dependencies.at(service))
            if (how.restart && selection.services.count(dependency) != 0)
                return fmt::format("dependency {} restarts", dependency);
        return std::string{"restart"};
    };

    PlanBuilder builder;
    StopEmitter stops{builder, selection.graph};
    std::map<std::string, int> stopped;  // by container id
    for (auto service = order.rbegin(); service != order.rend(); ++service)
        for (const ObservedContainer* container : selection.of(*service))
            if (is_up(*container))
                stopped[container->id] = stops.stop(*container, cause(*service), options.timeout);

    StartEmitter starts{builder};
    for (const std::string& service : order) {
        for (const ObservedContainer* container : selection.of(service)) {
            const auto stop = stopped.find(container->id);
            // A dependant that is down is nobody's wish to have up.
            if (stop == stopped.end() && named.count(service) == 0) continue;
            starts.start(container_operation(OperationKind::start_container, *container, cause(service)),
                         selection.conditions(service),
                         stop == stopped.end() ? std::vector<int>{} : std::vector<int>{stop->second});
        }
    }
    return std::move(builder).finish();
}

Plan plan_kill(const compose::Project* project, const ObservedState& observed, const SelectOptions& options) {
    const Selection selection{project, observed, options, true};
    PlanBuilder builder;
    for (const std::string& service : selection.services) {
        for (const ObservedContainer* container : selection.of(service)) {
            if (!is_up(*container)) continue;
            Operation kill = container_operation(OperationKind::kill_container, *container, "kill");
            kill.signal = options.signal;
            builder.add(std::move(kill));
        }
    }
    Plan plan = std::move(builder).finish();
    if (plan.empty()) plan.warnings.emplace_back("No container to kill");
    return plan;
}

}  // namespace stack::plan
