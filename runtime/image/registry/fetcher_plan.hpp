// Everything the fetcher may know, gathered before it starts (plan_fetcher in settings.hpp): it reads no configuration
// and no key file of its own.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace stack::registry {

struct Credentials {
    std::string user, secret;
    std::string identity_token;  ///< an OAuth2 refresh token instead of a password
    std::string origin;          ///< where they were found, for messages; empty: typed in
    [[nodiscard]] bool empty() const { return user.empty() && identity_token.empty(); }
    bool operator==(const Credentials&) const = default;
};

/// PEM texts.
struct TlsMaterial {
    std::string authorities;                     ///< all that are trusted
    std::string client_certificate, client_key;  ///< empty: none
    bool verify = true;
    bool operator==(const TlsMaterial&) const = default;
};

/// A place that answers for the repository: the registry itself or a mirror.
struct Endpoint {
    /// `https://registry-1.docker.io`, `http://127.0.0.1:5000`; tried in this order until one can be spoken with.
    std::vector<std::string> origins;
    std::string repository;   ///< the repository's name there: a mirror may keep it below a prefix
    std::string name;         ///< for messages: docker.io, or the mirror's host
    bool plain_http = false;  ///< credentials may be sent unencrypted
    TlsMaterial tls;
    Credentials credentials;
    bool operator==(const Endpoint&) const = default;
};

/// Of the environment: `http_proxy` and the like.
struct ProxySettings {
    std::string http, https, no_proxy;
    bool operator==(const ProxySettings&) const = default;
};

struct FetchLimits {
    std::chrono::seconds silence{30};            ///< without a byte, a connection is given up
    int tries = 5;                               ///< in a row without progress
    std::chrono::milliseconds first_delay{500};  ///< grows threefold
    int blobs_at_once = 3;
};

struct FetcherPlan {
    std::string registry;             ///< for messages
    std::vector<Endpoint> endpoints;  ///< mirrors first; uploads go to the last, which is the registry
    ProxySettings proxies;
    FetchLimits limits;
    std::vector<std::string> warnings;  ///< for the user; from the making of the plan
};

}  // namespace stack::registry
