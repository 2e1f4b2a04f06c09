// Where a repository is asked for: the registry's address and its mirrors'. Pure.
#pragma once

#include "runtime/image/registry/fetcher_plan.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace stack::registry {

struct EndpointRules {
    std::map<std::string, std::vector<std::string>> mirrors;  ///< registry → URLs, in the order to ask
    std::set<std::string> insecure;  ///< `host[:port]` with plain HTTP or unchecked TLS
};

/// Mirrors first, the registry last. Tls and credentials are left empty but for `verify`.
///   docker.io            → https://registry-1.docker.io
///   localhost:5000       → plain HTTP, or TLS when that is what answers
///   an insecure registry → TLS without a check, or plain HTTP
/// A mirror's URL may have a path: the repository lies below it (`https://mirror.example/hub` + `library/redis`).
/// Throws Error(invalid_input) for a mirror that is no http(s) URL.
std::vector<Endpoint> endpoints_of(const std::string& registry, const std::string& repository,
                                   const EndpointRules& rules);

/// `localhost`, 127.0.0.0/8, [::1], with or without a port.
bool is_loopback(std::string_view host);

}  // namespace stack::registry
