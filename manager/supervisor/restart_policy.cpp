#include "manager/supervisor/restart_policy.hpp"

#include <algorithm>

namespace stack::supervisor {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::nanoseconds kFirstWait = 100ms;
constexpr std::chrono::nanoseconds kLongestWait = 60s;
constexpr std::chrono::nanoseconds kGoodRun = 10s;

bool wants_restart(const compose::RestartPolicy& policy, int exit_code) {
    switch (policy.kind) {
        case compose::RestartPolicy::Kind::no:
            return false;
        case compose::RestartPolicy::Kind::on_failure:
            return exit_code != 0;
        case compose::RestartPolicy::Kind::always:
        case compose::RestartPolicy::Kind::unless_stopped:
            return true;
    }
    return false;
}

}  // namespace

std::optional<std::chrono::nanoseconds> next_restart(const compose::RestartPolicy& policy,
                                                     RestartHistory& history, int exit_code,
                                                     std::chrono::nanoseconds ran_for) {
    if (!wants_restart(policy, exit_code)) return std::nullopt;
    const bool good_run = ran_for >= policy.window.value_or(kGoodRun);
    if (good_run && policy.window) history.attempts = 0;
    const int limit = policy.max_attempts.value_or(0);  // 0 is no limit, as for Docker
    if (limit > 0 && history.attempts >= limit) return std::nullopt;

    if (policy.delay) {
        history.last_wait = *policy.delay;
    } else if (good_run || history.last_wait <= 0ns) {
        history.last_wait = kFirstWait;
    } else {
        history.last_wait = std::min(history.last_wait * 2, kLongestWait);
    }
    ++history.restarts;
    ++history.attempts;
    return history.last_wait;
}

bool restarts_at_boot(const compose::RestartPolicy& policy, bool stopped_by_hand, int exit_code) {
    switch (policy.kind) {
        case compose::RestartPolicy::Kind::no:
            return false;
        case compose::RestartPolicy::Kind::always:
            return true;
        case compose::RestartPolicy::Kind::unless_stopped:
            return !stopped_by_hand;
        case compose::RestartPolicy::Kind::on_failure:
            return !stopped_by_hand && exit_code != 0;
    }
    return false;
}

}  // namespace stack::supervisor
