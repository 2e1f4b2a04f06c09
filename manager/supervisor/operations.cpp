// The supervisor's operations: what a request means as a plan, and how each operation of a plan is done.
#include "manager/engine/observe_project.hpp"
#include "manager/plan/config_hash.hpp"
#include "manager/plan/planner.hpp"
#include "manager/supervisor/supervisor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/units.hpp"

#include <signal.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::supervisor {

using plan::OperationKind;

/// What belongs to one operation while it runs.
struct Supervisor::OperationContext {
    EventSink sink;
    std::shared_ptr<const compose::Project> project;  ///< may be null
    engine::PlanExecution* execution = nullptr;
    std::set<std::string> replaced;  ///< ids whose anonymous volumes go to a successor
    std::map<std::string, std::map<std::string, std::string>> inherited;  ///< old id -> target -> volume
    int parallel = 0;                                                     ///< as in the requests
    bool interrupted = false;
};

/// Holds the right to run an operation; given back however the operation ends.
class Supervisor::Turn {
  public:
    explicit Turn(Supervisor& owner) : owner_{owner} {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        owner_.engine_.end_operation();
        owner_.current_ = nullptr;
        owner_.turn_taken_ = false;
        owner_.changed_.notify_all();
    }

  private:
    Supervisor& owner_;
};

namespace {

struct Count {
    explicit Count(std::size_t& value) : value_{value} { ++value_; }
    ~Count() { --value_; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;

  private:
    std::size_t& value_;
};

/// What the executor wants to know, where 0 means no limit. More than the default gains nothing: the kernel's own locks
/// (mounts, RTNL) are what operations wait for.
std::size_t most_at_once(int parallel) {
    constexpr std::size_t kDefault = 16;
    if (parallel == 0) return kDefault;
    return parallel < 0 ? 0 : static_cast<std::size_t>(parallel);
}

control::ResultEvent success() {
    control::ResultEvent result;
    result.ok = true;
    return result;
}

control::ResultEvent failure(std::vector<Error> errors) {
    control::ResultEvent result;
    for (const Error& error : errors) result.exit_code = std::max(result.exit_code, exit_code(error.kind()));
    result.errors = std::move(errors);
    return result;
}

Error as_error(const std::exception_ptr& pointer) {
    try {
        std::rethrow_exception(pointer);
    } catch (const Error& error) {
        return error;
    } catch (const std::exception& error) {
        return Error{ErrorKind::internal, error.what()};
    }
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

void Supervisor::progress(const std::string& resource, const std::string& status, const std::string& detail) {
    if (!current_) return;
    const control::StreamEvent event{control::ProgressEvent{resource, status, detail}};
    current_->sink(event);
}

void Supervisor::warn(const std::string& message) {
    log_.warning("{}", message);
    if (!current_) return;
    const control::StreamEvent event{control::WarningEvent{message}};
    current_->sink(event);
}

Task<> Supervisor::take_turn(bool interrupt) {
    Count waiting{turns_waiting_};
    while (turn_taken_) {
        if (interrupt && current_) {
            current_->interrupted = true;
            if (current_->execution) current_->execution->cancel();
            changed_.notify_all();
        }
        co_await changed_.wait();
    }
    turn_taken_ = true;
    // What was being launched when it was interrupted runs in a moment: only then can it be seen and stopped.
    const auto launching = [](const auto& entry) { return entry.second->machine.phase == Phase::launching; };
    while (interrupt && std::any_of(units_.begin(), units_.end(), launching)) co_await changed_.wait();
}

// ---- requests -------------------------------------------------------------------------------------------------

Task<control::ResultEvent> Supervisor::up(control::UpRequest request, EventSink sink) {
    co_await take_turn(false);
    Turn turn{*this};
    OperationContext context;
    context.sink = sink;
    context.parallel = request.parallel;
    const auto project = std::make_shared<const compose::Project>(std::move(request.project));
    context.project = project;
    current_ = &context;
    const engine::ProjectState stored = engine::load_project_state(paths_, project_name_);
    const plan::ObservedState observed = engine::observe_project(paths_, stored, project.get());
    plan::Plan plan = plan::plan_up(*project, observed, request.options);
    const std::vector<Error> errors = co_await check_before(plan, project);
    if (!errors.empty()) co_return failure(errors);
    engine::ProjectRecord record;
    record.project = *project;
    engine::save_project(paths_, record);
    control::ResultEvent result = co_await carry_out(std::move(plan), &context);
    if (!result.ok || !request.wait) co_return result;
    const auto targets = plan::wait_targets(*project, request.options.services);
    std::exception_ptr error;
    try {
        co_await await_targets(targets, request.wait_timeout);
    } catch (...) {
        error = std::current_exception();
    }
    if (error) co_return failure({as_error(error)});
    co_return result;
}

Task<control::ResultEvent> Supervisor::down(control::DownRequest request, EventSink sink) {
    co_await take_turn(true);
    Turn turn{*this};
    OperationContext context;
    context.sink = sink;
    context.parallel = request.parallel;
    current_ = &context;
    if (request.project)
        context.project = std::make_shared<const compose::Project>(*std::move(request.project));
    const compose::Project* project = context.project.get();
    const engine::ProjectState stored = engine::load_project_state(paths_, project_name_);
    for (const std::string& id : stored.broken) {  // cut short by a power failure: nothing but files
        engine::ContainerRecord garbage;
        garbage.id = id;
        garbage.project = project_name_;
        co_await engine_.remove_container(std::move(garbage), false);
    }
    const plan::ObservedState observed = engine::observe_project(paths_, stored, project);
    plan::Plan plan = plan::plan_down(project_name_, project, observed, request.options);
    control::ResultEvent result = co_await carry_out(std::move(plan), &context);
    if (nothing_left()) co_await engine_.remove_hub();
    co_return result;
}

Task<control::ResultEvent> Supervisor::start(control::SelectRequest request, EventSink sink) {
    return select(std::move(request), std::move(sink), plan::plan_start, false);
}

Task<control::ResultEvent> Supervisor::stop(control::SelectRequest request, EventSink sink) {
    return select(std::move(request), std::move(sink), plan::plan_stop, true);
}

Task<control::ResultEvent> Supervisor::restart(control::SelectRequest request, EventSink sink) {
    return select(std::move(request), std::move(sink), plan::plan_restart, false);
}

Task<control::ResultEvent> Supervisor::kill(control::SelectRequest request, EventSink sink) {
    return select(std::move(request), std::move(sink), plan::plan_kill, true);
}

Task<control::ResultEvent> Supervisor::select(control::SelectRequest request, EventSink sink,
                                              SelectPlanner planner, bool interrupt) {
    co_await take_turn(interrupt);
    Turn turn{*this};
    OperationContext context;
    context.sink = sink;
    context.parallel = request.parallel;
    current_ = &context;
    if (request.project)
        context.project = std::make_shared<const compose::Project>(*std::move(request.project));
    const compose::Project* project = context.project.get();
    const engine::ProjectState stored = engine::load_project_state(paths_, project_name_);
    plan::Plan plan = planner(project, engine::observe_project(paths_, stored, project), request.options);
    const std::vector<Error> errors = co_await check_before(plan, context.project);
    if (!errors.empty()) co_return failure(errors);
    co_return co_await carry_out(std::move(plan), &context);
}

// ---- plans ----------------------------------------------------------------------------------------------------

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

// ---- waiting --------------------------------------------------------------------------------------------------

namespace {

enum class Verdict { satisfied, pending, failed };

struct Judgement {
    Verdict verdict = Verdict::pending;
    std::string reason;  ///< when failed
};

bool has_ended(const Unit& unit) {
    return unit.state.status == plan::ContainerStatus::exited ||
           unit.state.status == plan::ContainerStatus::dead;
}

// One container against one condition. `lenient`: a container without a check counts as healthy once it runs.
Judgement judge(const Unit& unit, compose::DependencyCondition condition, bool lenient) {
    using compose::DependencyCondition;
    const std::string& name = unit.record.name;
    const bool runs = unit.state.status == plan::ContainerStatus::running;
    if (condition == DependencyCondition::service_completed_successfully) {
        if (!has_ended(unit)) return {};
        if (unit.state.exit_code == 0) return {Verdict::satisfied, {}};
        return {Verdict::failed, fmt::format("service \"{}\" didn't complete successfully: exit {}",
                                             unit.record.service_name, unit.state.exit_code)};
    }
    if (has_ended(unit))
        return {Verdict::failed, fmt::format("container {} exited ({})", name, unit.state.exit_code)};
    if (condition == DependencyCondition::service_started)
        return {runs ? Verdict::satisfied : Verdict::pending, {}};
    if (!unit.settings.probe) {
        if (lenient) return {runs ? Verdict::satisfied : Verdict::pending, {}};
        return {Verdict::failed, fmt::format("container {} has no healthcheck configured", name)};
    }
    if (unit.state.health == "healthy") return {Verdict::satisfied, {}};
    if (unit.state.health == "unhealthy")
        return {Verdict::failed, fmt::format("container {} is unhealthy", name)};
    return {};
}

Judgement judge_all(const std::vector<std::shared_ptr<Unit>>& units, compose::DependencyCondition condition,
                    bool lenient) {
    const bool any_is_enough = condition == compose::DependencyCondition::service_completed_successfully;
    Judgement result{Verdict::satisfied, {}};
    for (const auto& unit : units) {
        Judgement one = judge(*unit, condition, lenient);
        if (one.verdict == Verdict::failed) return one;
        if (any_is_enough && one.verdict == Verdict::satisfied) return one;
        if (one.verdict == Verdict::pending) result.verdict = Verdict::pending;
    }
    return result;
}

}  // namespace

Task<> Supervisor::run_wait(const plan::Operation& operation) {
    std::exception_ptr error;
    try {
        co_await await_service(operation.service, operation.condition, false);
    } catch (...) {
        error = std::current_exception();
    }
    if (!error) co_return;
    if (is_cancelled(error)) std::rethrow_exception(error);
    if (!operation.required) {
        warn(fmt::format("optional dependency \"{}\" failed to start: {}", operation.service,
                         as_error(error).message()));
        co_return;
    }
    Error failed = as_error(error);
    throw Error{ErrorKind::failed, fmt::format("dependency failed to start: {}", failed.message())};
}

Task<> Supervisor::await_service(std::string service, compose::DependencyCondition condition,
                                 bool may_lack_check) {
    const std::vector<UnitPtr> units = units_of(service);
    const bool completes = condition == compose::DependencyCondition::service_completed_successfully;
    for (const UnitPtr& unit : units) progress("Container " + unit->record.name, "Waiting");
    for (;;) {
        const Judgement judgement = judge_all(units, condition, may_lack_check);
        if (judgement.verdict == Verdict::failed) {
            for (const UnitPtr& unit : units)
                progress("Container " + unit->record.name, "Error", judgement.reason);
            throw Error{ErrorKind::failed, judgement.reason};
        }
        if (judgement.verdict == Verdict::satisfied) break;
        co_await changed_.wait();
    }
    for (const UnitPtr& unit : units) {
        const char* word = completes ? "Exited" : unit->settings.probe ? "Healthy" : "Started";
        progress("Container " + unit->record.name, word);
    }
}

Task<> Supervisor::await_targets(const std::map<std::string, compose::DependencyCondition>& targets,
                                 std::optional<std::chrono::nanoseconds> limit) {
    const TimePoint end = limit ? Clock::now() + *limit : TimePoint::max();
    std::set<std::string> announced;
    OperationContext* context = current_;
    for (;;) {
        bool all = true;
        for (const auto& [service, condition] : targets) {
            const std::vector<UnitPtr> units = units_of(service);
            const bool with_check = std::any_of(units.begin(), units.end(), [](const UnitPtr& unit) {
                return unit->settings.probe.has_value();
            });
            const auto effective = condition == compose::DependencyCondition::service_started && with_check
                                       ? compose::DependencyCondition::service_healthy
                                       : condition;
            const Judgement judgement = judge_all(units, effective, true);
            if (judgement.verdict == Verdict::failed) throw Error{ErrorKind::failed, judgement.reason};
            if (judgement.verdict == Verdict::pending) all = false;
            for (const UnitPtr& unit : units) {
                if (judgement.verdict == Verdict::pending) {
                    if (announced.insert(service + unit->record.id).second)
                        progress("Container " + unit->record.name, "Waiting");
                } else if (announced.insert("done" + service + unit->record.id).second) {
                    progress("Container " + unit->record.name, unit->settings.probe ? "Healthy"
                                                               : has_ended(*unit)   ? "Exited"
                                                                                    : "Started");
                }
            }
        }
        if (all) co_return;
        if (context->interrupted) throw Error{ErrorKind::cancelled, "interrupted by another command"};
        const bool notified = co_await changed_.wait_until(end);
        if (!notified)
            throw Error{ErrorKind::timeout,
                        fmt::format("application not healthy after {}", format_duration(*limit))};
    }
}

}  // namespace stack::supervisor
