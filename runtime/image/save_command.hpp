// `stack-image save`: images of the store as one archive (image_archive.hpp). The outer half finds them and keeps them from
// being collected; the blobs are read in the sandbox, which sees the store's layout and the output, nothing else.
#pragma once

#include "runtime/image/worker_events.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// `--root D [--format docker|oci] --output-fd N NAME...`. An image given by id or digest is saved without a name. Answers
/// {"event":"result","images":N,"bytes":N}. Throws Error.
void save_verb(const std::vector<std::string>& words, EventWriter& events);

}  // namespace stack::image
