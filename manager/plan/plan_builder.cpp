#include "manager/plan/plan_builder.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::plan {

int PlanBuilder::add(Operation operation) {
    operation.id = static_cast<int>(plan_.operations.size());
    std::vector<int>& before = operation.prerequisites;
    std::sort(before.begin(), before.end());
    before.erase(std::unique(before.begin(), before.end()), before.end());
    plan_.operations.push_back(std::move(operation));
    return plan_.operations.back().id;
}

std::vector<int> PlanBuilder::all_of(Join& join) {
    if (join.members.size() <= 1) return join.members;
    if (!join.barrier) {
        Operation barrier;
        barrier.kind = OperationKind::barrier;
        barrier.resource = join.resource;
        barrier.prerequisites = join.members;
        join.barrier = add(std::move(barrier));
    }
    return {*join.barrier};
}

Plan PlanBuilder::finish() && {
    std::sort(plan_.unchanged.begin(), plan_.unchanged.end());
    return std::move(plan_);
}

Operation container_operation(OperationKind kind, const ObservedContainer& container, std::string cause) {
    Operation operation;
    operation.kind = kind;
    operation.resource = "Container " + container.name;
    operation.cause = std::move(cause);
    operation.service = container.service;
    operation.number = container.number;
    operation.container_id = container.id;
    operation.name = container.name;
    return operation;
}

bool is_up(const ObservedContainer& container) {
    return container.status == ContainerStatus::running || container.status == ContainerStatus::paused ||
           container.status == ContainerStatus::restarting;
}

bool container_before(const ObservedContainer* a, const ObservedContainer* b) {
    return std::tie(a->service, a->oneoff, a->number, a->name) <
           std::tie(b->service, b->oneoff, b->number, b->name);
}

int StopEmitter::stop(const ObservedContainer& container, const std::string& cause,
                      std::optional<std::chrono::nanoseconds> timeout) {
    Operation operation = container_operation(OperationKind::stop_container, container, cause);
    operation.timeout = timeout;
    const auto users = needed_by_.find(container.service);
    if (users != needed_by_.end()) {
        for (const std::string& user : users->second) {
            const auto stops = stops_.find(user);
            if (stops == stops_.end()) continue;
            for (const int id : builder_.all_of(stops->second)) operation.prerequisites.push_back(id);
        }
    }
    const int id = builder_.add(std::move(operation));
    Join& join = stops_[container.service];
    join.resource = fmt::format("service {} stopped", container.service);
    join.members.push_back(id);
    return id;
}

int StartEmitter::start(Operation operation, const std::map<std::string, compose::Dependency>& conditions,
                        std::vector<int> prerequisites) {
    const std::string service = operation.service;
    const auto [awaited, first] = awaited_.try_emplace(service);
    if (first) {
        for (const auto& [dependency, how] : conditions)
            for (const int id : wait_for(service, dependency, how)) awaited->second.push_back(id);
    }
    operation.prerequisites = std::move(prerequisites);
    operation.prerequisites.insert(operation.prerequisites.end(), awaited->second.begin(),
                                   awaited->second.end());
    const int id = builder_.add(std::move(operation));
    Join& join = starts_[service];
    join.resource = fmt::format("service {} started", service);
    join.members.push_back(id);
    return id;
}

// A dependency that must only run is there once its start is done. Everything else, and every optional
// dependency (whose failure must not stop the start), is watched by an operation of its own, shared by all
// that wait for it.
std::vector<int> StartEmitter::wait_for(const std::string& service, const std::string& dependency,
                                        const compose::Dependency& how) {
    Join& starts = starts_[dependency];
    if (how.condition == compose::DependencyCondition::service_started && how.required)
        return builder_.all_of(starts);
    if (how.condition == compose::DependencyCondition::service_started && starts.members.empty()) return {};
    const auto key = std::tuple{dependency, how.condition, how.required};
    if (const auto known = waits_.find(key); known != waits_.end()) {
        builder_.at(known->second).cause += ", " + service;
        return {known->second};
    }
    Operation wait;
    wait.kind = OperationKind::wait_condition;
    wait.resource = "Service " + dependency;
    wait.cause = "needed by " + service;
    wait.service = dependency;
    wait.condition = how.condition;
    wait.required = how.required;
    wait.prerequisites = builder_.all_of(starts);
    const int id = builder_.add(std::move(wait));
    waits_.emplace(key, id);
    return {id};
}

}  // namespace stack::plan
