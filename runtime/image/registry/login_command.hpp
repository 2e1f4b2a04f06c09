// `stack-image login` and `stack-image logout`.
#pragma once

#include "runtime/image/worker_events.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// --root DIR [registry flags] --user USER REGISTRY; the secret comes on standard input. Asks the registry first: what it
/// refuses is not kept. Throws Error.
void login_verb(const std::vector<std::string>& words, EventWriter& events);

/// --root DIR REGISTRY. Throws Error(not_found) when nothing was kept.
void logout_verb(const std::vector<std::string>& words, EventWriter& events);

}  // namespace stack::image
