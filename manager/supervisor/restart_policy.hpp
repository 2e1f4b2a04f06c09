// Whether and when a container that ended starts again. Pure: time comes in, a decision goes out.
//
//   always, unless-stopped   after any exit
//   on-failure[:N]           after exit codes other than 0, at most N times
//   wait                     100 ms, doubling to 60 s; 100 ms again after a run of 10 s or more
//
// `deploy.restart_policy` may fix the wait (delay) and say how long a run must last to count as good
// (window). A stop by hand cancels the policy; that is service_machine's business.
#pragma once

#include "manager/compose/model.hpp"

#include <chrono>
#include <optional>

namespace stack::supervisor {

/// What the policy remembers of one container between its exits; zeroed by a start by hand.
struct RestartHistory {
    int restarts = 0;  ///< since the last start by hand, for `ps` and the record
    int attempts = 0;  ///< those of them that count against the limit: all, or since the last run of `window`
    std::chrono::nanoseconds last_wait{};  ///< zero: none yet
    bool operator==(const RestartHistory&) const = default;
};

/// The wait before the next start, or nullopt for "stays down". Advances `history` when it says yes.
std::optional<std::chrono::nanoseconds> next_restart(const compose::RestartPolicy& policy,
                                                     RestartHistory& history, int exit_code,
                                                     std::chrono::nanoseconds ran_for);

/// Whether a container that is down when the machine (not only the supervisor) comes up again is to be
/// started: `always` in any case, `unless-stopped` unless it was stopped by hand, `on-failure` after a
/// failure that was not a stop by hand.
bool restarts_at_boot(const compose::RestartPolicy& policy, bool stopped_by_hand, int exit_code);

}  // namespace stack::supervisor
