// Waiting for what depends_on and --wait ask of containers.
#include "manager/supervisor/operation_context.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

namespace stack::supervisor {

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
