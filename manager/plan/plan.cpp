#include "manager/plan/plan.hpp"

#include "manager/plan/observed_state.hpp"
#include "runtime/base/text.hpp"

#include <fmt/format.h>

namespace stack::plan {

const char* status_word(ContainerStatus status) {
    switch (status) {
        case ContainerStatus::created:
            return "created";
        case ContainerStatus::running:
            return "running";
        case ContainerStatus::paused:
            return "paused";
        case ContainerStatus::restarting:
            return "restarting";
        case ContainerStatus::exited:
            return "exited";
        case ContainerStatus::dead:
            return "dead";
    }
    return "unknown";
}

namespace {

const char* condition_phrase(compose::DependencyCondition condition) {
    switch (condition) {
        case compose::DependencyCondition::service_started:
            return "to run";
        case compose::DependencyCondition::service_healthy:
            return "to be healthy";
        case compose::DependencyCondition::service_completed_successfully:
            return "to complete";
    }
    return "";
}

// "Container shop-web-1" inside a sentence.
std::string in_sentence(const std::string& resource) {
    std::string text = resource;
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

std::string as_order(const Operation& operation) {
    const std::string what = in_sentence(operation.resource);
    switch (operation.kind) {
        case OperationKind::create_network:
        case OperationKind::create_volume:
        case OperationKind::create_container:
            return "create " + what;
        case OperationKind::remove_network:
        case OperationKind::remove_volume:
        case OperationKind::remove_container:
            return "remove " + what;
        case OperationKind::start_container:
            return "start " + what;
        case OperationKind::stop_container:
            return "stop " + what;
        case OperationKind::kill_container:
            return fmt::format("kill {} with signal {}", what, operation.signal);
        case OperationKind::wait_condition:
            return fmt::format("wait for {} {}{}", what, condition_phrase(operation.condition),
                               operation.required ? "" : ", optional");
        case OperationKind::barrier:
            return "reach " + what;
    }
    return what;
}

// How another operation refers to this one after "after".
std::string as_event(const Operation& operation) {
    const std::string what = in_sentence(operation.resource);
    switch (operation.kind) {
        case OperationKind::create_network:
        case OperationKind::create_volume:
        case OperationKind::create_container:
        case OperationKind::barrier:
            return what;
        case OperationKind::remove_network:
        case OperationKind::remove_volume:
        case OperationKind::remove_container:
            return "removal of " + what;
        case OperationKind::start_container:
            return "start of " + what;
        case OperationKind::stop_container:
            return "stop of " + what;
        case OperationKind::kill_container:
            return "kill of " + what;
        case OperationKind::wait_condition:
            return fmt::format("wait for {} {}", what, condition_phrase(operation.condition));
    }
    return what;
}

std::string after_text(const Plan& plan, const Operation& operation) {
    constexpr std::size_t kShown = 8;
    std::vector<std::string> events;
    for (const int id : operation.prerequisites) {
        if (events.size() == kShown) {
            events.push_back(fmt::format("{} more", operation.prerequisites.size() - kShown));
            break;
        }
        events.push_back(as_event(plan.operations.at(static_cast<std::size_t>(id))));
    }
    return events.empty() ? std::string{} : " after " + join(events, ", ");
}

}  // namespace

std::string plan_text(const Plan& plan) {
    std::string text;
    for (const Operation& operation : plan.operations) {
        text += as_order(operation);
        if (!operation.cause.empty()) text += fmt::format(" ({})", operation.cause);
        text += after_text(plan, operation);
        text += '\n';
    }
    return text;
}

}  // namespace stack::plan
