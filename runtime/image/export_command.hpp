// `stack-image export`: an image's root file system, its layers merged and whiteouts applied, as one tar archive that
// `stack image import` reads back.
#pragma once

#include "runtime/image/worker_events.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// `--root D --output-fd N NAME`. Device nodes and sockets are left out with a warning. Answers
/// {"event":"result","bytes":N}. The same image gives the same bytes. Throws Error.
void export_verb(const std::vector<std::string>& words, EventWriter& events);

}  // namespace stack::image
