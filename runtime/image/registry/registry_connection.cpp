#include "runtime/image/registry/registry_connection.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/registry/registry_error.hpp"
#include "runtime/image/registry/url.hpp"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::registry {

namespace {

using Cause = TransportFailure::Cause;
using Remedy = AttemptFailure::Remedy;

constexpr int kMaxRedirects = 5;

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What a wrong scheme looks like from here: not a word of the other side was HTTP, or it said that it wants TLS.
bool may_be_wrong_scheme(const TransportFailure& failure) {
    return failure.cause == Cause::unreachable || failure.cause == Cause::not_tls ||
           failure.cause == Cause::not_http || failure.cause == Cause::cut;
}

AttemptFailure failure_of_transport(const TransportFailure& failure, const std::string& registry) {
    const std::string certificate_place = fmt::format("/etc/containers/certs.d/{}/", registry);
    const auto failed = [&](ErrorKind kind, std::string_view sentence, Remedy remedy, std::string hint = {}) {
        Error error{kind, fmt::format("registry {} {}: {}", registry, sentence, failure.text)};
        if (!hint.empty()) error.with_hint(std::move(hint));
        return AttemptFailure{std::move(error), remedy};
    };
    switch (failure.cause) {
        case Cause::unreachable:
            return failed(ErrorKind::failed, "can't be reached", Remedy::again,
                          "check the registry's name, the network and the proxy settings");
        case Cause::not_tls:
            return failed(
                ErrorKind::failed, "does not speak TLS", Remedy::none,
                fmt::format("if it has no TLS and you trust the way to it: --insecure {}", registry));
        case Cause::not_http:
            return failed(ErrorKind::failed, "does not speak HTTP", Remedy::none);
        case Cause::bad_certificate:
            return failed(
                ErrorKind::permission, "and this machine don't trust each other's certificates", Remedy::none,
                fmt::format(
                    "put its authority's certificate (.crt), and your own (.cert and .key) if it wants "
                    "one, into {}, or name a bundle by SSL_CERT_FILE",
                    certificate_place));
        case Cause::cut:
            // TLS 1.3 refuses a missing client certificate after the handshake; the reason may be lost on the way.
            return failed(
                ErrorKind::failed, "cut the connection", Remedy::again,
                failure.answer_begun
                    ? std::string{}
                    : fmt::format(
                          "if it does so each time, it may want your certificate: a .cert and a .key in {}",
                          certificate_place));
        case Cause::silent:
            return failed(ErrorKind::timeout, "does not answer", Remedy::again);
        case Cause::too_large:
            return failed(ErrorKind::failed, "sends more than is sensible", Remedy::none);
        case Cause::cancelled:
            return AttemptFailure{Error{ErrorKind::cancelled, "the transfer was cancelled"}, Remedy::none};
        case Cause::other:
            break;
    }
    return failed(ErrorKind::failed, "can't be spoken with", Remedy::again);
}

}  // namespace

bool RegistryConnection::is_own(const std::string& url) const {
    return origin_of(url) == origin_of(state_.endpoint.origins.at(origin_));
}

RegistryConnection::Reply RegistryConnection::ask(HttpRequest request, const std::string& target,
                                                  const Scopes& scopes) {
    try {
        return ask_origins(request, target, scopes);
    } catch (const TransportFailure& failure) {
        throw failure_of_transport(failure, state_.endpoint.name);
    } catch (Error& error) {
        if (error.code() != 0) throw;  // this machine's own trouble: another endpoint would not help
        throw AttemptFailure{std::move(error), Remedy::none};
    }
}

RegistryConnection::Reply RegistryConnection::ask_stranger(HttpRequest request, const std::string& url) {
    if (!url.starts_with("https://"))
        throw AttemptFailure{
            Error{ErrorKind::not_supported, "a blob is kept at an address that is not https"}, Remedy::none};
    try {
        return follow(std::move(request), url, {});
    } catch (const TransportFailure& failure) {
        throw failure_of_transport(failure, host_of(url));
    }
}

RegistryConnection::Reply RegistryConnection::ask_origins(const HttpRequest& request,
                                                          const std::string& target, const Scopes& scopes) {
    const std::vector<std::string>& origins = state_.endpoint.origins;
    if (has_answered()) origin_ = state_.origin;
    if (!target.starts_with('/')) return follow(request, target, scopes);
    if (has_answered()) return follow(request, origins.at(origin_) + target, scopes);
    std::optional<TransportFailure> first_failure;
    std::optional<Reply> refusal;
    for (origin_ = 0;; ++origin_) {
        const bool last = origin_ + 1 == origins.size();
        try {
            Reply reply = follow(request, origins[origin_] + target, scopes);
            if (has_answered()) return reply;
            refusal = std::move(reply);  // 400: a TLS server's answer to plain HTTP
        } catch (const TransportFailure& failure) {
            if (has_answered() || !may_be_wrong_scheme(failure)) throw;
            if (last && refusal && failure.cause == Cause::not_tls) return std::move(*refusal);
            // The more telling of the two: what was tried last had the wrong scheme, or what was tried first.
            const bool last_tells = !first_failure || first_failure->cause == Cause::not_tls ||
                                    first_failure->cause == Cause::not_http;
            if (last) throw last_tells ? failure : *first_failure;
            first_failure = failure;
        }
    }
}

// Which origin is the right one shows by its first answer, even if that is cut off.
void RegistryConnection::learn_origin(const std::string& url, int status) {
    if (has_answered() || !is_own(url)) return;
    if (status == 400 && origin_ + 1 < state_.endpoint.origins.size()) return;
    state_.origin = origin_;
}

RegistryConnection::Reply RegistryConnection::follow(HttpRequest request, std::string url,
                                                     const Scopes& scopes) {
    bool satisfied = false;
    for (int redirects = 0;;) {
        const std::string authorization = is_own(url) ? state_.authorizer.header(scopes) : std::string{};
        HttpAnswer answer = perform(request, url, authorization);
        // Once, but for a password that was sent and refused: that is a message of its own.
        const bool refused_password = authorization.starts_with("Basic ");
        if (answer.status == 401 && is_own(url) && (!std::exchange(satisfied, true) || refused_password)) {
            state_.authorizer.satisfy(answer, url, authorization, scopes, session_);
            continue;
        }
        const std::string location = answer.headers.value("location");
        if (!is_redirect(answer.status) || location.empty()) return {std::move(answer), std::move(url)};
        if (++redirects > kMaxRedirects)
            throw AttemptFailure{Error{ErrorKind::failed,
                                       fmt::format("registry {} redirects in circles", state_.endpoint.name)},
                                 Remedy::none};
        const std::string next = resolve_url(url, location);
        if (url.starts_with("https:") && !next.starts_with("https:"))
            throw AttemptFailure{
                Error{ErrorKind::permission,
                      fmt::format("registry {} redirects from https to plain http", state_.endpoint.name)}
                    .with_hint("a registry behind a proxy must be told its public address"),
                Remedy::none};
        if (answer.status == 303) request.method = HttpMethod::get;
        url = next;
    }
}

HttpAnswer RegistryConnection::perform(HttpRequest request, const std::string& url,
                                       const std::string& authorization) {
    request.url = url;
    if (!authorization.empty()) request.headers.push_back("Authorization: " + authorization);
    TlsMaterial tls = state_.endpoint.tls;
    if (!is_own(url)) {
        tls.verify = true;
        tls.client_certificate.clear();
    }
    try {
        HttpAnswer answer = session_.perform(request, tls);
        learn_origin(url, answer.status);
        return answer;
    } catch (const TransportFailure& failure) {
        if (failure.answer_begun) learn_origin(url, 0);
        throw;
    }
}

}  // namespace stack::registry
