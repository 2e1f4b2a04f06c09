// The fetcher's side of the protocol: takes requests off the socket and has them done by a few workers, each a thread
// with connections of its own, so that every request reads as the sequence that it is and TLS uses more than one core.
#pragma once

#include "runtime/image/registry/fetcher_plan.hpp"

namespace stack::registry {

/// Serves until the other end of `socket` closes, then ends the process (exit status 0): whatever is under way has
/// nobody left to tell. Manifests have a worker of their own, so that no blob delays them; at most
/// `limits.blobs_at_once` blobs move at once, the others wait in order. Throws Error when the socket fails.
[[noreturn]] void serve_fetches(FetcherPlan plan, int socket);

}  // namespace stack::registry
