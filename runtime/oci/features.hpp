// What this runtime can do, as the runtime specification's features document (features.md) has it. Static: it doesn't say
// what the host can do.
#pragma once

#include <string>

namespace stack::oci {

std::string features_document();

}  // namespace stack::oci
