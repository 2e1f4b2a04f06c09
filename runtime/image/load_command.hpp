// `stack-image load`: every image of a docker-archive, an OCI archive or an OCI layout folder, under its own names.
#pragma once

#include "runtime/image/worker_events.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// `--root D [--quiet] SOURCE`; `-` is standard input, `--quiet` leaves progress out. A result event, as of import, for
/// each name, or with an empty reference for an image that has none. An error leaves the images before it in the store.
void load_verb(const std::vector<std::string>& words, EventWriter& events);

}  // namespace stack::image
