#include "runtime/base/version.hpp"

namespace stack {

std::string_view version() { return STACK_VERSION; }

}  // namespace stack
