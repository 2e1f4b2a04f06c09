// A root file system folder as a layer archive: one walk by descriptors, sorted, so that the same folder always
// gives the same bytes and so the same image.
#pragma once

#include "runtime/image/byte_flow.hpp"

#include <functional>
#include <string>

namespace stack::image {

/// Everything below `folder` (the caller's descriptor): ownership, modes, times in seconds, hard links, user.* and
/// security.capability attributes. Device nodes and sockets are left out with a warning; other file systems
/// mounted in it are the caller's to hide. The producer throws Error naming the path.
ByteProducer archive_folder(int folder, std::function<void(const std::string&)> warn);

}  // namespace stack::image
