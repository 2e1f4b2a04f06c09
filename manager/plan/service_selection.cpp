#include "manager/plan/service_selection.hpp"

#include "manager/plan/blame.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace stack::plan {

namespace {

compose::DependencyCondition condition_from_word(const std::string& word) {
    if (word == "service_healthy") return compose::DependencyCondition::service_healthy;
    if (word == "service_completed_successfully")
        return compose::DependencyCondition::service_completed_successfully;
    return compose::DependencyCondition::service_started;
}

const compose::Service* find_service(const compose::Project& project, const std::string& name) {
    for (const auto* services : {&project.services, &project.disabled_services})
        if (const auto found = services->find(name); found != services->end()) return &found->second;
    return nullptr;
}

}  // namespace

DependencyMap dependencies_of(const compose::Project& project) {
    DependencyMap result;
    for (const auto& [name, service] : project.services) {
        auto& needs = result[name];
        for (const auto& [dependency, how] : service.depends_on)
            if (project.services.count(dependency) != 0) needs.emplace(dependency, how);
    }
    return result;
}

DependencyMap dependencies_of(const compose::Project* project, const ObservedState& observed) {
    DependencyMap result;
    if (project != nullptr) {
        for (const auto* services : {&project->services, &project->disabled_services})
            for (const auto& [name, service] : *services) result[name] = service.depends_on;
    }
    for (const ObservedContainer& container : observed.containers) {
        if (project != nullptr && find_service(*project, container.service) != nullptr) continue;
        auto& needs = result[container.service];
        for (const auto& [dependency, word] : container.depends_on)
            needs[dependency].condition = condition_from_word(word);
    }
    return result;
}

Graph graph_of(const DependencyMap& dependencies) {
    Graph graph;
    for (const auto& [name, needs] : dependencies) {
        auto& edges = graph[name];
        for (const auto& [dependency, how] : needs) edges.insert(dependency);
    }
    return graph;
}

std::vector<std::string> start_order(const Graph& graph, const compose::Project* project) {
    const std::variant<Order, Cycle> sorted = sort(graph);
    if (const auto* order = std::get_if<Order>(&sorted)) return order->nodes();
    const Cycle& cycle = std::get<Cycle>(sorted);
    Error error =
        Error{ErrorKind::invalid_input, fmt::format("dependency cycle: {}", cycle.text())}.with_hint(
            "take one of these out of depends_on");
    const compose::Service* service =
        project != nullptr ? find_service(*project, cycle.path.front()) : nullptr;
    throw service != nullptr ? blame(std::move(error), *service, "depends_on") : error;
}

std::vector<std::string> stop_order(Graph& graph) {
    std::variant<Order, Cycle> sorted = sort(graph);
    if (std::holds_alternative<Cycle>(sorted)) {
        for (auto& [name, needs] : graph) needs.clear();
        sorted = sort(graph);
    }
    std::vector<std::string> order = std::get<Order>(sorted).nodes();
    std::reverse(order.begin(), order.end());
    return order;
}

void check_service_names(const std::set<std::string>& names, const compose::Project* project,
                         const ObservedState& observed) {
    std::set<std::string> known;
    if (project != nullptr)
        for (const auto* services : {&project->services, &project->disabled_services})
            for (const auto& [name, service] : *services) known.insert(name);
    for (const ObservedContainer& container : observed.containers) known.insert(container.service);
    for (const std::string& name : names) {
        if (known.count(name) != 0) continue;
        Error error{ErrorKind::invalid_input, fmt::format("no such service: {}", name)};
        const std::optional<std::string> near = nearest(name, {known.begin(), known.end()});
        if (near) error.with_hint(fmt::format("did you mean \"{}\"?", *near));
        throw error;
    }
}

bool is_orphan(const compose::Project& project, const ObservedContainer& container) {
    if (container.oneoff)
        return container.status == ContainerStatus::exited || container.status == ContainerStatus::dead;
    return find_service(project, container.service) == nullptr;
}

}  // namespace stack::plan
