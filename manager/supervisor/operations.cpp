// The supervisor's operations, one at a time: what a request means as a plan.
#include "manager/engine/observe_project.hpp"
#include "manager/plan/config_hash.hpp"
#include "manager/plan/planner.hpp"
#include "manager/supervisor/operation_context.hpp"
#include "runtime/base/error.hpp"

#include <algorithm>

namespace stack::supervisor {

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

}  // namespace

control::ResultEvent failure(std::vector<Error> errors) {
    control::ResultEvent result;
    for (const Error& error : errors) result.exit_code = std::max(result.exit_code, exit_code(error.kind()));
    result.errors = std::move(errors);
    return result;
}

Error as_error(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const Error& error) {
        return error;
    } catch (const std::exception& error) {
        return Error{ErrorKind::internal, error.what()};
    }
}

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

}  // namespace stack::supervisor
