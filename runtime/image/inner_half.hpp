// The outer half's side of a sandboxed inner half: starts it, passes on what it tells, takes what it has staged, and
// makes its failure ours. Every line that comes from it is checked as foreign bytes are: it reads them and may have been
// taken over.
#pragma once

#include "runtime/image/sandbox.hpp"
#include "runtime/image/worker_events.hpp"

#include <functional>

#include <nlohmann/json_fwd.hpp>

namespace stack::image {

struct InnerHalf {
    SandboxPlan plan;
    /// Runs inside, with a writer whose lines reach the outer half; throws Error.
    std::function<void(EventWriter&)> body;
    /// Runs outside for each `staged` event, while the inner half is still there. May throw: the inner half is killed.
    std::function<void(const nlohmann::json&)> staged;
};

/// Returns when the inner half has ended well. Everything else it tells goes to `events`. Throws the inner half's Error,
/// Error(cancelled) after an interrupt, Error(failed) when it was killed. Call while the process has one thread.
void run_inner_half(const InnerHalf& half, EventWriter& events);

}  // namespace stack::image
