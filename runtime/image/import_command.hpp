// The outer half of `stack-image import`: holds the store, starts the sandboxed half on the source, and makes what
// that half prepared appear in the store. Reads no foreign bytes but the event lines of its own child.
#pragma once

#include "runtime/image/worker_events.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// `import --root DIR [flags] NAME SOURCE`. Tells progress and the result through `events`. Throws Error. Call while the
/// process has one thread.
void import_verb(const std::vector<std::string>& words, EventWriter& events);

}  // namespace stack::image
