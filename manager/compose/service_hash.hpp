// A digest of what a service says, to tell whether its containers are still what the file asks for. Made from the
// canonical tree, so that it sees every key, and neither places nor the order of keys.
#pragma once

#include "manager/compose/tree.hpp"

#include <string>
#include <string_view>

namespace stack::compose {

/// Lower-case hex.
std::string sha256_hex(std::string_view bytes);

/// SHA-256 over the canonical JSON of a service of a canonical tree whose `env_file`s are folded in. Left out is what
/// doesn't change a container: build, pull_policy, scale, deploy.replicas, depends_on, profiles, extension fields, and
/// values that are the default anyway.
std::string service_digest(const Node& service);

}  // namespace stack::compose
