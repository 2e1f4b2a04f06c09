// The outer half of `stack-image pull`: holds the store and its locks, starts the fetcher and, when the registry has
// something new, the sandboxed half; then makes the image appear.
#pragma once

#include "runtime/image/worker_events.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// `pull --root DIR [flags] NAME`. Tells progress and the result through `events`. Throws Error. Call while the process
/// has one thread.
void pull_verb(const std::vector<std::string>& words, EventWriter& events);

}  // namespace stack::image
