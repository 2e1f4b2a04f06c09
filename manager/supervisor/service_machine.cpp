#include "manager/supervisor/service_machine.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace stack::supervisor {

using namespace std::chrono_literals;

namespace {

// One step in progress: the state as it becomes, and the actions so far.
class Stepper {
  public:
    Stepper(const MachineSettings& settings, const MachineState& state, TimePoint now)
        : settings_{settings}, state_{state}, now_{now} {}

    void on(const StartRequested&);
    void on(const Launched&);
    void on(const LaunchFailed&);
    void on(const Exited&);
    void on(const StopRequested&);
    void on(const KillRequested&);
    void on(const TimerFired&);
    void on(const ProbeEnded&);

    void adopt(const Adopted& record, TimePoint started);
    Step finish() &&;

  private:
    void launch(bool relaunch);
    void begin_stop(int signal, std::chrono::nanoseconds grace);
    void kill();
    void settle_down(const std::string& error);
    void decide_restart(std::chrono::nanoseconds ran_for, const std::string& error);
    void end_probes();
    void apply(const HealthDecision& decision);
    void report(plan::ContainerStatus status, std::string error = {});
    template <typename A>
    void act(A action) {
        actions_.push_back(std::move(action));
    }

    const MachineSettings& settings_;
    MachineState state_;
    TimePoint now_;
    std::vector<Action> actions_;
};

void Stepper::report(plan::ContainerStatus status, std::string error) {
    act(Report{.status = status,
               .exit_code = state_.exit_code,
               .oom_killed = state_.oom_killed,
               .health = state_.health.status,
               .restarts = state_.history.restarts,
               .stopped_by_hand = state_.stopped_by_hand,
               .error = std::move(error)});
}

void Stepper::launch(bool relaunch) {
    state_.phase = Phase::launching;
    state_.relaunch = relaunch;
    state_.deadline.reset();
    state_.pending_signal.reset();
    state_.pending_grace.reset();
    if (!relaunch) state_.history = {};
    act(Launch{});
}

void Stepper::kill() {
    state_.phase = Phase::killing;
    state_.deadline.reset();
    end_probes();
    act(Kill{});
}

void Stepper::begin_stop(int signal, std::chrono::nanoseconds grace) {
    end_probes();
    report(plan::ContainerStatus::running);  // the record learns that it was by hand, should this supervisor
                                             // die now
    if (signal == SIGKILL) return kill();
    state_.phase = Phase::stopping;
    state_.deadline = grace < 0ns ? std::nullopt : std::optional{now_ + grace};
    act(SendSignal{signal});
}

void Stepper::settle_down(const std::string& error) {
    state_.phase = Phase::down;
    state_.deadline.reset();
    report(state_.ran ? plan::ContainerStatus::exited : plan::ContainerStatus::created, error);
}

void Stepper::decide_restart(std::chrono::nanoseconds ran_for, const std::string& error) {
    std::optional<std::chrono::nanoseconds> wait;
    if (!state_.stopped_by_hand)
        wait = next_restart(settings_.restart, state_.history, state_.exit_code, ran_for);
    if (!wait) return settle_down(error);
    state_.phase = Phase::backing_off;
    state_.deadline = now_ + *wait;
    report(plan::ContainerStatus::restarting, error);
}

// No more probes for this run; what the last one found stays to be seen until the exit.
void Stepper::end_probes() {
    if (state_.health.probing) act(CancelProbe{state_.health.probe});
    state_.health.probing = false;
    state_.health.deadline.reset();
}

void Stepper::apply(const HealthDecision& decision) {
    if (decision.cancel_probe) act(CancelProbe{state_.health.probe});
    if (decision.run_probe) act(RunProbe{state_.health.probe});
    if (decision.changed) report(plan::ContainerStatus::running);
}

void Stepper::on(const StartRequested&) {
    const bool by_hand_before = std::exchange(state_.stopped_by_hand, false);
    switch (state_.phase) {
        case Phase::down:
        case Phase::backing_off:
            return launch(false);
        case Phase::launching:  // takes back a stop that has not begun
            state_.pending_signal.reset();
            return;
        case Phase::running:  // after a kill that it survived
            if (by_hand_before) report(plan::ContainerStatus::running);
            return;
        case Phase::stopping:
        case Phase::killing:
            return;  // launches once it has ended
    }
}

void Stepper::on(const Launched&) {
    if (state_.phase != Phase::launching) return;
    state_.phase = Phase::running;
    state_.ran = true;
    state_.started = now_;
    state_.exit_code = 0;
    state_.oom_killed = false;
    const std::uint64_t last_probe = state_.health.probe;
    state_.health = settings_.probe ? begin_health(*settings_.probe, now_, now_) : HealthState{};
    state_.health.probe = last_probe;  // numbers go on, so that an answer from the run before is stale
    report(plan::ContainerStatus::running);
    act(PublishNames{});
    if (const auto signal = std::exchange(state_.pending_signal, std::nullopt))
        begin_stop(*signal, state_.pending_grace.value_or(settings_.stop_grace));
}

void Stepper::on(const LaunchFailed& failure) {
    if (state_.phase != Phase::launching) return;
    state_.exit_code = failure.exit_code;
    state_.oom_killed = false;
    state_.health.status = HealthStatus::none;
    // The first start has somebody who waits for the answer; repeating it would only hide the cause.
    if (state_.relaunch) return decide_restart(0ns, failure.error);
    settle_down(failure.error);
}

void Stepper::on(const Exited& exit) {
    if (state_.phase == Phase::down || state_.phase == Phase::backing_off) return;
    const bool was_launching =
        state_.phase == Phase::launching;  // so quick that its exit overtook the launch
    const bool was_stopping = state_.phase == Phase::stopping || state_.phase == Phase::killing;
    end_probes();
    state_.health.status = HealthStatus::none;
    state_.ran = true;
    state_.exit_code = exit.exit_code;
    state_.oom_killed = exit.oom_killed;
    act(WithdrawNames{});
    if (was_stopping) {
        settle_down({});
        if (!state_.stopped_by_hand) launch(false);
        return;
    }
    decide_restart(was_launching ? 0ns : now_ - state_.started, {});
}

void Stepper::on(const StopRequested& stop) {
    const int signal = stop.signal.value_or(settings_.stop_signal);
    const std::chrono::nanoseconds grace = stop.grace.value_or(settings_.stop_grace);
    state_.stopped_by_hand = true;
    switch (state_.phase) {
        case Phase::down:
        case Phase::killing:
            return;
        case Phase::launching:
            state_.pending_signal = signal;
            state_.pending_grace = grace;
            return;
        case Phase::running:
            return begin_stop(signal, grace);
        case Phase::stopping:  // asked again: only a nearer end counts
            if (grace >= 0ns)
                state_.deadline = std::min(state_.deadline.value_or(TimePoint::max()), now_ + grace);
            return;
        case Phase::backing_off:
            return settle_down({});
    }
}

void Stepper::on(const KillRequested& request) {
    const bool ends_it = request.signal == SIGKILL || request.signal == settings_.stop_signal;
    if (ends_it) state_.stopped_by_hand = true;
    switch (state_.phase) {
        case Phase::down:
            return;
        case Phase::launching:
            if (ends_it) {
                state_.pending_signal = request.signal;
                state_.pending_grace = -1ns;
            }
            return;
        case Phase::backing_off:
            if (ends_it) settle_down({});
            return;
        case Phase::running:
        case Phase::stopping:
        case Phase::killing:
            if (ends_it) report(plan::ContainerStatus::running);
            if (request.signal == SIGKILL) return kill();
            return act(SendSignal{request.signal});
    }
}

void Stepper::on(const TimerFired&) {
    state_.armed.reset();  // it is spent, whether or not it came in time
    if (state_.deadline && now_ >= *state_.deadline) {
        state_.deadline.reset();
        if (state_.phase == Phase::stopping) kill();
        if (state_.phase == Phase::backing_off) launch(true);
    }
    if (state_.phase == Phase::running && settings_.probe)
        apply(health_timer(*settings_.probe, state_.health, now_));
}

void Stepper::on(const ProbeEnded& ended) {
    if (state_.phase == Phase::running && settings_.probe)
        apply(health_result(*settings_.probe, state_.health, ended.probe, ended.exit_code, now_));
}

void Stepper::adopt(const Adopted& record, TimePoint started) {
    state_.phase = Phase::running;
    state_.ran = true;
    state_.started = started;
    state_.stopped_by_hand = record.stopped_by_hand;
    state_.history.restarts = state_.history.attempts = record.restarts;
    if (settings_.probe) state_.health = begin_health(*settings_.probe, started, now_, record.health);
}

Step Stepper::finish() && {
    std::optional<TimePoint> next = state_.deadline;
    if (state_.health.deadline) next = std::min(next.value_or(TimePoint::max()), *state_.health.deadline);
    if (next != state_.armed) act(ArmTimer{next});
    state_.armed = next;
    return {state_, std::move(actions_)};
}

}  // namespace

Step step(const MachineSettings& settings, const MachineState& state, const Event& event, TimePoint now) {
    Stepper stepper{settings, state, now};
    std::visit([&stepper](const auto& e) { stepper.on(e); }, event);
    return std::move(stepper).finish();
}

Step adopt_running(const MachineSettings& settings, const Adopted& record, TimePoint started, TimePoint now) {
    Stepper stepper{settings, {}, now};
    stepper.adopt(record, started);
    Step result = std::move(stepper).finish();
    result.actions.insert(result.actions.begin(), PublishNames{});
    return result;
}

Step adopt_ended(const MachineSettings& settings, const Adopted& record, const Exited& exit,
                 std::chrono::nanoseconds ran_for, TimePoint now) {
    Stepper stepper{settings, {}, now};
    stepper.adopt(record, now - ran_for);
    stepper.on(exit);
    return std::move(stepper).finish();
}

}  // namespace stack::supervisor
