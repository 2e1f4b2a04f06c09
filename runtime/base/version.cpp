#include "runtime/base/version.hpp"

namespace stack {

// Defined here and not in the header, so that a new version recompiles one file.
constinit const std::string_view kVersion = STACK_VERSION;

}  // namespace stack
