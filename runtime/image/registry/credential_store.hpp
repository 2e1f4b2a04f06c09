// Keeps and forgets credentials where docker does: in its config.json, or in the credential helper that is named there.
#pragma once

#include "runtime/image/registry/environment.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"

#include <string>

namespace stack::registry {

struct KeptCredentials {
    std::string place;       ///< a file, or a helper's name
    bool encrypted = false;  ///< as far as a helper is asked to
};

/// What else the file says stays as it is, its order included. Written as a whole or not at all, 0600. Throws Error.
KeptCredentials keep_credentials(const std::string& registry, const Credentials& credentials,
                                 const Environment& environment);
/// False when there were none. Throws Error.
bool forget_credentials(const std::string& registry, const Environment& environment);

}  // namespace stack::registry
