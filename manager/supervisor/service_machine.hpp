// One container's supervision as a pure machine: step(state, event, now) -> {state, actions}. It owns the
// decisions (start, stop, escalate, start again, probe), not the process: the supervisor feeds events and
// carries out actions.
//
//   phase        event            becomes        actions
//   down         start_requested  launching      launch
//   launching    launched         running        report running, publish names, probe timer
//   launching    launch_failed    down           report created/exited with the error   (first start: the
//   user sees it)
//                                 backing_off    report restarting, timer               (a restart: the
//                                 policy decides)
//   running      exited           backing_off    withdraw names, report restarting, timer     (policy says
//   yes)
//                                 down           withdraw names, report exited
//   running      stop_requested   stopping       send stop signal, timer
//   running      kill_requested   running        send signal; SIGKILL and the stop signal cancel the policy
//   stopping     timer            killing        kill
//   stopping     kill_requested   killing        kill (SIGKILL), or just send the signal
//   stop/killing exited           down           withdraw names, report exited
//   stop/killing start_requested  (same)         launches after the exit
//   launching    stop_requested   (same)         stops as soon as it runs
//   backing_off  timer            launching      launch
//   backing_off  start_requested  launching      launch, history forgotten
//   backing_off  stop_requested   down           report exited with the last code
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
    bool wanted = false;    ///< desired: up. False means that no policy brings it back
    bool relaunch = false;  ///< the present launch is the policy's, not the user's
    RestartHistory history;
    TimePoint started{};
    int exit_code = 0;  ///< of the last run
    bool oom_killed = false;
    std::optional<int> pending_signal;  ///< stop that came while launching
    std::optional<std::chrono::nanoseconds> pending_grace;
    std::optional<TimePoint> deadline;  ///< of the phase: end of grace, end of back-off
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
Step step(const MachineSettings& settings, MachineState state, const Event& event, TimePoint now);

/// The state of a container that a new supervisor found running: `restarts` and `health` from its record.
/// Apply the actions as those of a step (names, timer). An exit while nobody looked is fed as Exited
/// afterwards.
Step adopt_running(const MachineSettings& settings, TimePoint started, TimePoint now, int restarts,
                   HealthStatus health);
/// The state of one that a new supervisor found ended, or waiting for its restart: the policy decides as it
/// would have.
Step adopt_ended(const MachineSettings& settings, const Exited& exit, std::chrono::nanoseconds ran_for,
                 int restarts, TimePoint now);

}  // namespace stack::supervisor
