// Requests to one endpoint, as far as all of them are alike: http or https, credentials, redirects.
#pragma once

#include "runtime/image/registry/authorizer.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"
#include "runtime/image/registry/http_session.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace stack::registry {

/// What the workers learn about an endpoint and share.
struct EndpointState {
    explicit EndpointState(const Endpoint& which) : endpoint{which}, authorizer{which} {}
    const Endpoint& endpoint;
    Authorizer authorizer;
    /// Index of the origin that has answered first, and is used from then on; kUnknown before.
    std::atomic<std::size_t> origin = kUnknown;
    static constexpr std::size_t kUnknown = SIZE_MAX;
};

/// Used by one thread.
class RegistryConnection {
  public:
    RegistryConnection(EndpointState& state, HttpSession& session) : state_{state}, session_{session} {}

    struct Reply {
        HttpAnswer answer;
        std::string url;  ///< who gave it, after redirects; base of a relative Location
    };
    /// `target` is a path (`/v2/…`) or a URL that the registry has named. Logs in when asked to, once; follows at
    /// most five redirects, never from https to http, and sends the Authorization header and the client certificate
    /// to the endpoint itself only. Throws AttemptFailure, and what the request's functions throw.
    Reply ask(HttpRequest request, const std::string& target, const Scopes& scopes);

    /// Without credentials, to any host, by https: for blobs that are kept elsewhere. Throws as `ask`.
    Reply ask_stranger(HttpRequest request, const std::string& url);

    [[nodiscard]] const Endpoint& endpoint() const { return state_.endpoint; }
    [[nodiscard]] bool has_answered() const { return state_.origin != EndpointState::kUnknown; }

  private:
    Reply ask_origins(const HttpRequest& request, const std::string& target, const Scopes& scopes);
    Reply follow(HttpRequest request, std::string url, const Scopes& scopes);
    HttpAnswer perform(HttpRequest request, const std::string& url, const std::string& authorization);
    void learn_origin(const std::string& url, int status);
    [[nodiscard]] bool is_own(const std::string& url) const;

    EndpointState& state_;
    HttpSession& session_;
    std::size_t origin_ = 0;  ///< the one in use
};

}  // namespace stack::registry
