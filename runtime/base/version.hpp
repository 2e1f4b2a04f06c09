// The version of the programs, as project() in CMakeLists.txt says it.
#pragma once

#include <string_view>

namespace stack {

extern const std::string_view kVersion;  ///< `0.1.0`

}  // namespace stack
