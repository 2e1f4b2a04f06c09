// The two ends of a project's supervisor process: `stack supervise` itself, and how a command finds or starts it.
#pragma once

#include "manager/engine/paths.hpp"

#include <string>

namespace stack::supervisor {

/// The body of `stack supervise --project NAME`, run by the keeper. Returns the exit code: 0 when nothing is left to
/// supervise, anything else makes the keeper start another one.
int run_supervisor(const engine::Paths& paths, const std::string& project, bool verbose);

/// Makes sure that somebody listens on the project's control socket: the supervisor that runs, or a new keeper with
/// a supervisor. The socket accepts connections when this returns; they wait until the supervisor is ready.
/// False when `start` is false and nobody listens. Throws Error.
bool ensure_supervisor(const engine::Paths& paths, const std::string& project, bool verbose,
                       bool start = true);

}  // namespace stack::supervisor
