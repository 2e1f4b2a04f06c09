// How an Error looks to a user: cause, purpose, place with a caret, way out.
//
//     error: cannot start service "web"
//       creating container shop-web-1
//       open /srv/data: No such file or directory (ENOENT)
//     compose.yaml:14:9
//       14 |       - /srv/data:/var/lib/data
//          |         ^
//     hint: create the directory, or use a named volume
#pragma once

#include "runtime/base/error.hpp"

#include <string>
#include <vector>

namespace stack::cli {

/// Reads the line of `position` from the file it names (when it is a readable regular file); colour as told.
std::string render_error(const Error& error, bool colour);
std::string render_warning(const std::string& message, bool colour);
/// Source line with a caret below the column; "" when the file can't be read or has no such line.
std::string source_excerpt(const SourcePosition& position, bool colour);

}  // namespace stack::cli
