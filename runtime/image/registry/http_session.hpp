// One HTTP request at a time over libcurl: TLS, proxies, HTTP/2, connections kept open between requests. Knows nothing
// of registries: no redirect is followed and no credential is added here. Everything that an answer may grow to is
// bounded.
#pragma once

#include "runtime/image/registry/fetcher_plan.hpp"
#include "runtime/image/registry/http_headers.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace stack::registry {

enum class HttpMethod { get, head, post, put, patch };

struct HttpAnswer {
    int status = 0;
    HttpHeaders headers;
    std::string body;  ///< as far as no sink took it
};

/// Takes bytes that are valid during the call only; may throw, which ends the request.
using BodySink = std::function<void(std::span<const std::byte>)>;

struct HttpRequest {
    HttpMethod method = HttpMethod::get;
    std::string url;
    std::vector<std::string> headers;  ///< `Name: value`
    std::string body;                  ///< what is sent, unless `file` is
    int file = -1;                     ///< a part of a file; read by pread(2)
    std::uint64_t file_offset = 0, file_size = 0;
    std::function<void(std::uint64_t)> sent;  ///< bytes of the file that have gone out so far
    /// How much of the body is kept: more of a success is a TransportFailure, more of a refusal is dropped.
    std::size_t max_body = 64u << 10;
    /// Asked when the body of a success begins; an empty sink leaves it to `max_body`.
    std::function<BodySink(const HttpAnswer&)> take_body;
    bool slow_answer = false;  ///< the server has work to do before it answers: ten times as patient
};

/// No answer came, or not a whole one.
struct TransportFailure : std::exception {
    enum class Cause {
        unreachable,      ///< no such host, or nobody listens
        not_tls,          ///< the other side does not speak TLS
        not_http,         ///< or not HTTP
        bad_certificate,  ///< one side does not trust the other's
        cut,              ///< the connection ended early
        silent,           ///< nothing came for too long
        too_large,        ///< headers or body beyond their bounds
        cancelled,        ///< `keep_going` said no
        other,
    };
    TransportFailure(Cause why, std::string words) : cause{why}, text{std::move(words)} {}
    [[nodiscard]] const char* what() const noexcept override { return text.c_str(); }
    Cause cause;
    std::string text;
    bool answer_begun = false;  ///< a status line had come: it does speak HTTP
};

/// Used by one thread.
class HttpSession {
  public:
    HttpSession(ProxySettings proxies, std::chrono::seconds silence);
    ~HttpSession();
    HttpSession(const HttpSession&) = delete;
    HttpSession& operator=(const HttpSession&) = delete;

    /// Called several times a second while data flows and about once a second otherwise; false ends the request.
    void set_keep_going(std::function<bool()> keep_going);
    /// Throws TransportFailure, and whatever the request's functions throw.
    HttpAnswer perform(const HttpRequest& request, const TlsMaterial& tls);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace stack::registry
