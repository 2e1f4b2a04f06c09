#include "runtime/image/registry/authorizer.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/registry/base64.hpp"
#include "runtime/image/registry/endpoint.hpp"
#include "runtime/image/registry/registry_error.hpp"
#include "runtime/image/registry/url.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::registry {

namespace {

using Remedy = AttemptFailure::Remedy;
using Parameters = std::vector<std::pair<std::string, std::string>>;

// A token that ends while a request is on its way would cost a round more.
constexpr std::chrono::seconds kEarly{5};

std::string basic_header(const Credentials& credentials) {
    return "Basic " + base64_encode(credentials.user + ':' + credentials.secret);
}

AttemptFailure wrong_credentials(const Endpoint& endpoint) {
    const Credentials& credentials = endpoint.credentials;
    if (credentials.origin.empty())  // just typed in
        return {Error{ErrorKind::permission, fmt::format("registry {} refuses user '{}' with this password",
                                                         endpoint.name, credentials.user)}
                    .with_hint("check both; many registries want an access token instead of the password"),
                Remedy::none};
    return {Error{ErrorKind::permission, fmt::format("registry {} refuses the credentials from {}",
                                                     endpoint.name, credentials.origin)}
                .with_hint(fmt::format("log in again: stack login {}", endpoint.name)),
            Remedy::none};
}

AttemptFailure login_wanted(const Endpoint& endpoint) {
    return {Error{ErrorKind::permission, fmt::format("registry {} wants a login", endpoint.name)}.with_hint(
                fmt::format("log in first: stack login {}", endpoint.name)),
            Remedy::none};
}

std::optional<Challenge> find_challenge(const HttpAnswer& refusal, std::string_view scheme) {
    for (const std::string& value : refusal.headers.all("www-authenticate"))
        for (Challenge& challenge : parse_challenges(value))
            if (challenge.scheme == scheme) return std::move(challenge);
    return std::nullopt;
}

// What we want, and what else the registry says that it takes.
Scopes all_scopes(Scopes scopes, const Challenge& challenge) {
    for (std::string& scope : split(challenge.parameter("scope"), ' ')) {
        const std::string with_push = scope.ends_with(":pull") ? scope + ",push" : scope;
        const bool known = std::any_of(scopes.begin(), scopes.end(), [&](const std::string& have) {
            return have == scope || have == with_push;
        });
        if (!scope.empty() && !known) scopes.push_back(std::move(scope));
    }
    return scopes;
}

HttpRequest token_request(const std::string& realm, const std::string& service, const Scopes& scopes,
                          const Credentials& credentials) {
    HttpRequest request;
    request.max_body = kMaxTokenAnswer;
    Parameters parameters;
    if (!service.empty()) parameters.emplace_back("service", service);
    if (!credentials.identity_token.empty()) {  // OAuth2
        parameters.emplace_back("grant_type", "refresh_token");
        parameters.emplace_back("client_id", "stack");
        if (!scopes.empty()) parameters.emplace_back("scope", join(scopes, " "));
        parameters.emplace_back("refresh_token", credentials.identity_token);
        request.method = HttpMethod::post;
        request.url = realm;
        request.body = form_of(parameters);
        request.headers = {"Content-Type: application/x-www-form-urlencoded"};
        return request;
    }
    for (const std::string& scope : scopes) parameters.emplace_back("scope", scope);
    if (!credentials.empty()) {
        parameters.emplace_back("account", credentials.user);
        request.headers = {"Authorization: " + basic_header(credentials)};
    }
    request.url = with_query(realm, parameters);
    return request;
}

}  // namespace

std::string Authorizer::header(const Scopes& scopes) {
    const std::lock_guard lock{mutex_};
    return header_locked(scopes);
}

std::string Authorizer::header_locked(const Scopes& scopes) const {
    if (basic_) return basic_header(endpoint_.credentials);
    const auto held = tokens_.find(join(scopes, " "));
    if (held == tokens_.end() || held->second.end < std::chrono::steady_clock::now()) return {};
    return "Bearer " + held->second.value;
}

void Authorizer::satisfy(const HttpAnswer& refusal, const std::string& url, const std::string& rejected,
                         const Scopes& scopes, HttpSession& session) {
    // Held during the request to the token server: workers that are refused together ask it once.
    const std::lock_guard lock{mutex_};
    if (const std::string now = header_locked(scopes); !now.empty() && now != rejected) return;
    if (const auto bearer = find_challenge(refusal, "bearer")) {
        const Token token = fetch_token(*bearer, url, scopes, session);
        tokens_[join(scopes, " ")] = {token.value,
                                      std::chrono::steady_clock::now() + token.lifetime - kEarly};
        return;
    }
    if (!find_challenge(refusal, "basic"))
        throw AttemptFailure{
            Error{ErrorKind::not_supported,
                  fmt::format("registry {} wants to know who asks, in no way that is known here",
                              endpoint_.name)},
            Remedy::none};
    use_basic(rejected);
}

void Authorizer::use_basic(const std::string& rejected) {
    if (endpoint_.credentials.user.empty()) throw login_wanted(endpoint_);
    if (rejected.starts_with("Basic ")) throw wrong_credentials(endpoint_);
    basic_ = true;
}

// The registry says who gets the user's password: only over TLS, but for hosts that may speak plain HTTP anyway.
void Authorizer::check_realm(const std::string& realm, const std::string& registry_url) const {
    if (realm.starts_with("https:")) return;
    const std::string host = host_of(realm);
    const bool plain_registry = endpoint_.plain_http && registry_url.starts_with("http:");
    if (plain_registry && (is_loopback(host) || host == host_of(registry_url))) return;
    throw AttemptFailure{
        Error{ErrorKind::permission,
              fmt::format("registry {} names a token server without encryption: {}", endpoint_.name, host)}
            .with_hint("nothing was sent there; the registry's administrator must give it an https address"),
        Remedy::none};
}

Token Authorizer::fetch_token(const Challenge& challenge, const std::string& registry_url,
                              const Scopes& scopes, HttpSession& session) const {
    const std::string realm = resolve_url(registry_url, challenge.parameter("realm"));
    check_realm(realm, registry_url);
    TlsMaterial tls = endpoint_.tls;
    if (host_of(realm) != host_of(registry_url)) {
        tls.verify = true;
        tls.client_certificate.clear();
    }
    const HttpAnswer answer =
        session.perform(token_request(realm, challenge.parameter("service"), all_scopes(scopes, challenge),
                                      endpoint_.credentials),
                        tls);
    const bool refused = answer.status == 400 || answer.status == 401 || answer.status == 403;
    if (refused && !endpoint_.credentials.empty()) throw wrong_credentials(endpoint_);
    if (refused) throw login_wanted(endpoint_);
    check_success(answer, {200}, {endpoint_.name, "a token"});
    try {
        return parse_token(answer.body);
    } catch (Error& error) {
        throw AttemptFailure{error.add_context(fmt::format("log in to registry {}", endpoint_.name)),
                             Remedy::none};
    }
}

}  // namespace stack::registry
