// `stack-image push`: opens an image of the store and has it sent (push.hpp).
#pragma once

#include "runtime/image/worker_events.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// `push --root DIR [flags] NAME`. Tells progress and the result through `events`. Throws Error. Call while the process
/// has one thread.
void push_verb(const std::vector<std::string>& words, EventWriter& events);

}  // namespace stack::image
