// The outer half of `stack-image import`: holds the store, starts the sandboxed half on the source, and makes what
// that half prepared appear in the store. Reads no foreign bytes but the event lines of its own child.
#pragma once

#include "runtime/image/import.hpp"
#include "runtime/image/worker_events.hpp"

#include <string>

namespace stack::image {

struct ImportCommand {
    std::string data_root;
    std::string name;    ///< reference for the image
    std::string source;  ///< path; "-" is standard input
    std::string select;
    ConfigFlags flags;
};

/// Tells progress and the result through `events`. Throws Error. Call while the process has one thread.
void run_import_command(const ImportCommand& command, EventWriter& events);

}  // namespace stack::image
