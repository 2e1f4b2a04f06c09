// How a plan is carried out: what each of its operations does to the units.
#include "manager/supervisor/operation_context.hpp"
#include "runtime/base/error.hpp"

#include <signal.h>

#include <exception>

#include <fmt/format.h>

namespace stack::supervisor {

using plan::OperationKind;

namespace {

/// What the executor wants to know, where 0 means no limit. More than the default gains nothing: the kernel's own locks
/// (mounts, RTNL) are what operations wait for.
std::size_t most_at_once(int parallel) {
    constexpr std::size_t kDefault = 16;
    if (parallel == 0) return kDefault;
    return parallel < 0 ? 0 : static_cast<std::size_t>(parallel);
}

struct Words {
    const char* doing;
    const char* done;
};

Words words_of(const plan::Operation& operation) {
    switch (operation.kind) {
        case OperationKind::create_network:
        case OperationKind::create_volume:
            return {"Creating", "Created"};
        case OperationKind::create_container:
            return operation.replaces.empty() ? Words{"Creating", "Created"} : Words{"Recreate", "Recreated"};
        case OperationKind::remove_network:
        case OperationKind::remove_volume:
        case OperationKind::remove_container:
            return {"Removing", "Removed"};
        case OperationKind::start_container:
            return {"Starting", "Started"};
        case OperationKind::stop_container:
            return {"Stopping", "Stopped"};
        case OperationKind::kill_container:
            return {"Killing", "Killed"};
        case OperationKind::wait_condition:
            return {"Waiting", "Healthy"};
        case OperationKind::barrier:
            break;
    }
    return {"", ""};
}

}  // namespace

Task<std::vector<Error>> Supervisor::check_before(const plan::Plan& plan,
                                                  std::shared_ptr<const compose::Project> project) {
    std::vector<engine::CreateRequest> to_create;
    std::vector<engine::ContainerRecord> to_start;
    for (const plan::Operation& operation : plan.operations) {
        if (operation.kind == OperationKind::create_container) {
            engine::CreateRequest request;
            request.project = project;
            request.service = project->services.at(operation.service);
            request.name = operation.name;
            request.number = operation.number;
            to_create.push_back(std::move(request));
        } else if (operation.kind == OperationKind::start_container && !operation.container_id.empty()) {
            const UnitPtr unit = find(operation.container_id);
            if (unit && !unit->live()) to_start.push_back(unit->record);
        }
    }
    co_return co_await engine_.check(std::move(to_create), std::move(to_start));
}

Task<control::ResultEvent> Supervisor::carry_out(plan::Plan plan, OperationContext* context) {
    for (const std::string& message : plan.warnings) warn(message);
    for (const std::string& resource : plan.unchanged) progress(resource, "Running");
    for (const plan::Operation& operation : plan.operations)
        if (!operation.replaces.empty()) context->replaced.insert(operation.replaces);
    engine::PlanExecution execution{loop_, plan, *this, most_at_once(context->parallel)};
    context->execution = &execution;
    if (context->interrupted) execution.cancel();
    const engine::ExecutionResult executed = co_await execution.run();
    context->execution = nullptr;
    std::vector<Error> errors;
    for (const engine::OperationFailure& failed : executed.failures) errors.push_back(as_error(failed.error));
    if (executed.cancelled && errors.empty())
        errors.push_back(Error{ErrorKind::cancelled, "interrupted by another command"});
    if (!errors.empty()) co_return failure(std::move(errors));
    co_return success();
}

Task<> Supervisor::run(const plan::Operation& operation) {
    const Words words = words_of(operation);
    const bool waits = operation.kind == OperationKind::wait_condition;
    if (!waits) progress(operation.resource, words.doing);
    std::exception_ptr error;
    try {
        switch (operation.kind) {
            case OperationKind::create_network:
            case OperationKind::remove_network:
            case OperationKind::create_volume:
            case OperationKind::remove_volume:
                co_await run_network(operation);
                break;
            case OperationKind::create_container:
                co_await run_create(operation);
                break;
            case OperationKind::start_container:
                co_await run_start(operation);
                break;
            case OperationKind::wait_condition:
                co_await run_wait(operation);
                break;
            case OperationKind::stop_container:
                co_await run_stop(operation);
                break;
            case OperationKind::kill_container:
                co_await run_kill(operation);
                break;
            case OperationKind::remove_container:
                co_await run_remove(operation);
                break;
            case OperationKind::barrier:
                break;
        }
    } catch (...) {
        error = std::current_exception();
    }
    if (!error) {
        if (!waits) progress(operation.resource, words.done);
        co_return;
    }
    if (!is_cancelled(error) && !waits) progress(operation.resource, "Error", as_error(error).message());
    std::rethrow_exception(error);
}

Task<> Supervisor::run_network(const plan::Operation& operation) {
    const std::shared_ptr<const compose::Project> project = current_->project;
    switch (operation.kind) {
        case OperationKind::create_network: {
            compose::Network network = project->networks.at(operation.key);
            co_await engine_.create_network(std::move(network), operation.config_hash);
            break;
        }
        case OperationKind::remove_network:
            co_await engine_.remove_network(operation.name);
            break;
        case OperationKind::create_volume: {
            compose::Volume volume = project->volumes.at(operation.key);
            co_await engine_.create_volume(std::move(volume));
            break;
        }
        default:
            co_await engine_.remove_volume(operation.name);
            break;
    }
}

Task<> Supervisor::run_create(const plan::Operation& operation) {
    engine::CreateRequest request;
    request.project = current_->project;
    request.service = current_->project->services.at(operation.service);
    request.name = operation.name;
    request.number = operation.number;
    request.config_hash = operation.config_hash;
    request.inherited_volumes = current_->inherited[operation.replaces];
    engine::ContainerRecord record = co_await engine_.create_container(std::move(request));
    const UnitPtr unit = add_unit(std::move(record), engine::ContainerState{});
    engine::save_state(paths_, unit->record, unit->state);
    emit(unit, "create");
}

// A start that makes its container finds it by name: the plan was made before the container had an id.
Supervisor::UnitPtr Supervisor::find_operation_unit(const plan::Operation& operation) const {
    if (!operation.container_id.empty()) {
        if (const UnitPtr unit = find(operation.container_id)) return unit;
    } else {
        for (const auto& [id, unit] : units_)
            if (unit->record.name == operation.name) return unit;
    }
    throw Error{ErrorKind::not_found, fmt::format("container {} does not exist any more", operation.name)};
}

Task<> Supervisor::run_start(const plan::Operation& operation) {
    const UnitPtr unit = find_operation_unit(operation);
    if (unit->machine.phase == Phase::running) co_return;
    const std::uint64_t launches = unit->launches, failures = unit->failures;
    feed(unit, StartRequested{});
    while (unit->launches == launches && unit->failures == failures) {
        if (unit->removed) throw Error{ErrorKind::cancelled, "the container was removed meanwhile"};
        if (unit->machine.phase == Phase::down && unit->machine.stopped_by_hand)
            throw Error{ErrorKind::cancelled, "the container was stopped meanwhile"};
        co_await changed_.wait();
    }
    if (unit->launches != launches) co_return;
    Error error = as_error(unit->last_failure);
    if (!error.position() && unit->record.service.position.line > 0) {
        const compose::Position& where = unit->record.service.position;
        error.at(SourcePosition{where.file, where.line, where.column});
    }
    error.add_context(fmt::format("cannot start service \"{}\": container {}", unit->record.service_name,
                                  unit->record.name));
    throw error;
}

Task<> Supervisor::run_stop(const plan::Operation& operation) {
    const UnitPtr unit = find_operation_unit(operation);
    StopRequested request;
    request.grace = operation.timeout;
    feed(unit, request);
    while (unit->live() && !unit->removed) co_await changed_.wait();
}

Task<> Supervisor::run_kill(const plan::Operation& operation) {
    const UnitPtr unit = find_operation_unit(operation);
    feed(unit, KillRequested{operation.signal});
    emit(unit, "kill");
    // The signal may be one that the program handles; only SIGKILL is sure to end it.
    while (operation.signal == SIGKILL && unit->live() && !unit->removed) co_await changed_.wait();
}

Task<> Supervisor::run_remove(const plan::Operation& operation) {
    const UnitPtr unit = find_operation_unit(operation);
    if (unit->live()) {
        const KillRequested request;
        feed(unit, request);
        while (unit->live()) co_await changed_.wait();
    }
    const bool replaced = current_->replaced.contains(unit->record.id);
    if (replaced) {
        auto& inherited = current_->inherited[unit->record.id];
        for (const engine::MountRecord& mount : unit->record.mounts)
            if (mount.anonymous) inherited[mount.target] = mount.volume_name;
    }
    unit->removed = true;
    co_await engine_.remove_container(unit->record, replaced);
    units_.erase(unit->record.id);
    changed_.notify_all();
    emit(unit, "destroy");
}

}  // namespace stack::supervisor
