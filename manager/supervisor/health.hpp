// A container's health as a pure machine: when to probe, and what the answers amount to. Knows no process and
// no clock; service_machine drives it while the container runs.
//
//   status     event                                              becomes
//   starting   success                                            healthy
//   starting   failure inside start_period                        starting (does not count)
//   starting   failure after it, fewer than `retries` in a row    starting
//   any        `retries` failures in a row                        unhealthy
//   healthy    failure, fewer than `retries` in a row             healthy
//   unhealthy  success                                            healthy
//
// The first probe comes one interval after the start, each next one an interval after the last has ended, so
// probes never overlap. The interval is start_interval inside the start period until the first success. A
// probe that runs longer than `timeout` is cancelled and counts as a failure. Unhealthy alone never restarts
// a container.
#pragma once

#include "manager/plan/healthcheck.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace stack::supervisor {

using TimePoint = std::chrono::steady_clock::time_point;

enum class HealthStatus { none, starting, healthy, unhealthy };
/// "", starting, healthy, unhealthy: the words of records and `ps`.
const char* health_word(HealthStatus status);
HealthStatus health_from_word(std::string_view word);

struct HealthState {
    HealthStatus status = HealthStatus::none;
    TimePoint started{};  ///< of the container
    int failing_streak = 0;
    std::uint64_t probe = 0;  ///< number of the last probe begun; answers to others are stale
    bool probing = false;
    std::optional<TimePoint> deadline;  ///< next probe, or the end of the running one's time
    bool operator==(const HealthState&) const = default;
};

/// What is to be done after a step.
struct HealthDecision {
    bool run_probe = false;     ///< begin probe `state.probe`
    bool cancel_probe = false;  ///< kill probe `state.probe`
    bool changed = false;       ///< `state.status` differs from before
    bool operator==(const HealthDecision&) const = default;
};

/// The container has just started (or a new supervisor found it running; `status` is then what the record
/// says).
HealthState begin_health(const plan::ProbeSettings& settings, TimePoint started, TimePoint now,
                         HealthStatus status = HealthStatus::starting);
/// Call when `state.deadline` has come; earlier calls change nothing.
HealthDecision health_timer(const plan::ProbeSettings& settings, HealthState& state, TimePoint now);
/// Probe number `probe` has ended. A probe that could not be run counts as failed (any code but 0).
HealthDecision health_result(const plan::ProbeSettings& settings, HealthState& state, std::uint64_t probe,
                             int exit_code, TimePoint now);

}  // namespace stack::supervisor
