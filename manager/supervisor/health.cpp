#include "manager/supervisor/health.hpp"

#include <algorithm>

namespace stack::supervisor {

const char* health_word(HealthStatus status) {
    switch (status) {
        case HealthStatus::none:
            return "";
        case HealthStatus::starting:
            return "starting";
        case HealthStatus::healthy:
            return "healthy";
        case HealthStatus::unhealthy:
            return "unhealthy";
    }
    return "";
}

HealthStatus health_from_word(std::string_view word) {
    for (const HealthStatus status : {HealthStatus::starting, HealthStatus::healthy, HealthStatus::unhealthy})
        if (word == health_word(status)) return status;
    return HealthStatus::none;
}

namespace {

bool in_start_period(const plan::ProbeSettings& settings, const HealthState& state, TimePoint now) {
    return state.status == HealthStatus::starting && now - state.started < settings.start_period;
}

TimePoint next_probe(const plan::ProbeSettings& settings, const HealthState& state, TimePoint now) {
    return now + (in_start_period(settings, state, now) ? settings.start_interval : settings.interval);
}

HealthDecision probe_ended(const plan::ProbeSettings& settings, HealthState& state, bool success,
                           TimePoint now) {
    const HealthStatus before = state.status;
    if (success) {
        state.status = HealthStatus::healthy;
        state.failing_streak = 0;
    } else if (!in_start_period(settings, state, now)) {
        // Bounded, so that a check that fails for years does not overflow.
        const int retries = std::max(settings.retries, 1);
        state.failing_streak = std::min(state.failing_streak + 1, retries);
        if (state.failing_streak >= retries) state.status = HealthStatus::unhealthy;
    }
    state.probing = false;
    state.deadline = next_probe(settings, state, now);
    return {.changed = state.status != before};
}

}  // namespace

HealthState begin_health(const plan::ProbeSettings& settings, TimePoint started, TimePoint now,
                         HealthStatus status) {
    HealthState state;
    state.status = status == HealthStatus::none ? HealthStatus::starting : status;
    state.started = started;
    state.deadline = next_probe(settings, state, now);
    return state;
}

HealthDecision health_timer(const plan::ProbeSettings& settings, HealthState& state, TimePoint now) {
    if (!state.deadline || now < *state.deadline) return {};
    if (state.probing) {
        HealthDecision decision = probe_ended(settings, state, false, now);
        decision.cancel_probe = true;
        return decision;
    }
    state.probing = true;
    ++state.probe;
    state.deadline = now + settings.timeout;
    return {.run_probe = true};
}

HealthDecision health_result(const plan::ProbeSettings& settings, HealthState& state, std::uint64_t probe,
                             int exit_code, TimePoint now) {
    if (!state.probing || probe != state.probe) return {};
    return probe_ended(settings, state, exit_code == 0, now);
}

}  // namespace stack::supervisor
