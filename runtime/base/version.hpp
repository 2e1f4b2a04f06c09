// The program's version, as project() in CMakeLists.txt says it.
#pragma once

#include <string_view>

namespace stack {

/// `0.1.0`
std::string_view version();

}  // namespace stack
