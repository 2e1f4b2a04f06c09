// What the user names as a source, opened by the outer half; nothing of it is read here.
#pragma once

#include "runtime/base/fd.hpp"

#include <string>

namespace stack::image {

struct HostSource {
    UniqueFd file;       ///< a file, a pipe or standard input
    std::string folder;  ///< or a folder
};

/// `-` is standard input. Throws Error.
HostSource open_host_source(const std::string& path);

}  // namespace stack::image
