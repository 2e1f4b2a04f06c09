// The names in a folder that is known by its descriptor.
#pragma once

#include <string>
#include <vector>

namespace stack::image {

/// Sorted, without `.` and `..`; `folder` is readable (not O_PATH) and keeps its position. Throws Error.
std::vector<std::string> list_directory_at(int folder);

}  // namespace stack::image
