// Credentials of one endpoint as the Authorization headers they become: basic, or bearer tokens that a token server
// gives for them (distribution's token authentication specification). Shared by all workers of a fetcher.
#pragma once

#include "runtime/image/registry/challenge.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"
#include "runtime/image/registry/http_session.hpp"
#include "runtime/image/registry/token.hpp"

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace stack::registry {

/// What is to be allowed, in the words of repository_scope; empty for a login.
using Scopes = std::vector<std::string>;

class Authorizer {
  public:
    /// `endpoint` outlives the object.
    explicit Authorizer(const Endpoint& endpoint) : endpoint_{endpoint} {}

    /// The value of the Authorization header to send; empty when nothing is known to be wanted.
    [[nodiscard]] std::string header(const Scopes& scopes);

    /// After a 401 from `url` to a request that carried `rejected`: gets what the registry asks for, so that
    /// `header` has another value. Throws AttemptFailure when it can't be had (wrong credentials, none, a token
    /// server that must not be asked) and TransportFailure when the token server can't be reached.
    void satisfy(const HttpAnswer& refusal, const std::string& url, const std::string& rejected,
                 const Scopes& scopes, HttpSession& session);

  private:
    struct HeldToken {
        std::string value;
        std::chrono::steady_clock::time_point end;
    };
    [[nodiscard]] std::string header_locked(const Scopes& scopes) const;
    void use_basic(const std::string& rejected);
    [[nodiscard]] Token fetch_token(const Challenge& challenge, const std::string& registry_url,
                                    const Scopes& scopes, HttpSession& session) const;
    void check_realm(const std::string& realm, const std::string& registry_url) const;

    const Endpoint& endpoint_;
    std::mutex mutex_;
    bool basic_ = false;
    std::map<std::string, HeldToken> tokens_;  // by scopes, joined
};

}  // namespace stack::registry
