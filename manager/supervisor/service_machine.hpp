// One container's supervision as a pure machine: step(state, event, now) -> {state, actions}. It owns the
// decisions (start, stop, escalate, start again, probe), not the process: the supervisor feeds events and
// carries out actions.
//
//   phase         event            becomes      actions
//   down          start_requested  launching    launch
//   launching     launched         running      report running, publish names, probe timer
//   launching     launch_failed    down         report created or exited, with the error; first starts
//                                  backing_off  report restarting, timer; a restart that the policy repeats
//   launching     stop_requested   (same)       stops as soon as it runs
//   running       exited           down         withdraw names, report exited
//                                  backing_off  withdraw names, report restarting, timer; by the policy
//   running       stop_requested   stopping     send stop signal, timer
//   running       kill_requested   (same)       send signal; the stop signal cancels the policy
//                                  killing      kill; for SIGKILL, which cancels it too
//   stopping      timer            killing      kill
//   stopping      kill_requested   (same)       send signal; SIGKILL as above
//   stop-/killing exited           down         withdraw names, report exited
//   stop-/killing start_requested  (same)       launches after the exit
//   backing_off   timer            launching    launch
//   backing_off   start_requested  launching    launch, history forgotten
//   backing_off   stop_requested   down         report exited with the last code
//
// Anything else changes nothing. There is one timer: `arm_timer` replaces the one before, and a timer event
// that comes before its time is ignored, so stale ones do no harm. Exits must be fed before other events of
// the same moment. `status` of a container that waits for its restart is Restarting; its health is "" unless
// it runs.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/plan/healthcheck.hpp"
#include "manager/plan/observed_state.hpp"
#include "manager/supervisor/health.hpp"
#include "manager/supervisor/restart_policy.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace stack::supervisor {

/// What a machine is told about its container once; does not change while it exists.
struct MachineSettings {
    compose::RestartPolicy restart;
    int stop_signal = 15;
    std::chrono::nanoseconds stop_grace = std::chrono::seconds{10};
    std::optional<plan::ProbeSettings> probe;
};

enum class Phase { down, launching, running, stopping, killing, backing_off };

struct MachineState {
    Phase phase = Phase::down;
    bool stopped_by_hand = false;  ///< no policy brings it back; a start clears it
    bool relaunch = false;         ///< the present launch is the policy's, not the user's
    bool ran = false;              ///< its process ran at least once
    RestartHistory history;
    TimePoint started{};
    int exit_code = 0;  ///< of the last run
    bool oom_killed = false;
    std::optional<int> pending_signal;  ///< of a stop that came while launching
    std::optional<std::chrono::nanoseconds> pending_grace;
    std::optional<TimePoint> deadline;  ///< of the phase: end of the grace period, end of the wait
    HealthState health;
    std::optional<TimePoint> armed;  ///< what the last arm_timer said
    bool operator==(const MachineState&) const = default;
};

// ---- events
// --------------------------------------------------------------------------------------------------

struct StartRequested {};
struct Launched {
    pid_t pid = 0;
};
struct LaunchFailed {
    int exit_code = 128;  ///< 126 not executable, 127 not found
    std::string error;    ///< one line
};
struct Exited {
    int exit_code = 0;
    bool oom_killed = false;
};
struct StopRequested {
    std::optional<int> signal;                      ///< nullopt: the settings'
    std::optional<std::chrono::nanoseconds> grace;  ///< nullopt: the settings'; negative: for ever
};
struct KillRequested {
    int signal = 9;
};
struct TimerFired {};
struct ProbeEnded {
    std::uint64_t probe = 0;  ///< RunProbe::probe
    int exit_code = 0;        ///< anything but 0: failed, also when it could not be run
};
using Event = std::variant<StartRequested, Launched, LaunchFailed, Exited, StopRequested, KillRequested,
                           TimerFired, ProbeEnded>;

// ---- actions
// -------------------------------------------------------------------------------------------------

struct Launch {
    bool operator==(const Launch&) const = default;
};
struct SendSignal {
    int signal = 0;  ///< to the first process
    bool operator==(const SendSignal&) const = default;
};
/// SIGKILL to all processes of the container.
struct Kill {
    bool operator==(const Kill&) const = default;
};
/// nullopt: no timer is needed any more.
struct ArmTimer {
    std::optional<TimePoint> deadline;
    bool operator==(const ArmTimer&) const = default;
};
/// The container's state as records, events and `ps` show it.
struct Report {
    plan::ContainerStatus status{};
    int exit_code = 0;
    bool oom_killed = false;
    HealthStatus health = HealthStatus::none;
    int restarts = 0;
    bool stopped_by_hand = false;
    std::string error;  ///< why it could not start
    bool operator==(const Report&) const = default;
};
/// The names of this container answer in DNS from now on, or no longer.
struct PublishNames {
    bool operator==(const PublishNames&) const = default;
};
struct WithdrawNames {
    bool operator==(const WithdrawNames&) const = default;
};
/// Run the check once and answer with ProbeEnded; the machine watches the time.
struct RunProbe {
    std::uint64_t probe = 0;
    bool operator==(const RunProbe&) const = default;
};
/// Kill that probe; its answer is no longer awaited (one that comes is ignored).
struct CancelProbe {
    std::uint64_t probe = 0;
    bool operator==(const CancelProbe&) const = default;
};
using Action = std::variant<Launch, SendSignal, Kill, ArmTimer, Report, PublishNames, WithdrawNames, RunProbe,
                            CancelProbe>;

struct Step {
    MachineState state;
    std::vector<Action> actions;  ///< in this order
};
Step step(const MachineSettings& settings, const MachineState& state, const Event& event, TimePoint now);

/// What the record of a container says when a new supervisor takes over.
struct Adopted {
    int restarts = 0;
    HealthStatus health = HealthStatus::none;
    bool stopped_by_hand = false;
};
/// It was found running. Apply the actions as those of a step; an exit that is found later is an Exited
/// event.
Step adopt_running(const MachineSettings& settings, const Adopted& record, TimePoint started, TimePoint now);
/// It ended, or waited for its restart, while nobody looked: the policy decides as it would have.
Step adopt_ended(const MachineSettings& settings, const Adopted& record, const Exited& exit,
                 std::chrono::nanoseconds ran_for, TimePoint now);

}  // namespace stack::supervisor
