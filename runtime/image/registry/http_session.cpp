#include "runtime/image/registry/http_session.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/version.hpp"
#include "runtime/image/registry/endpoint.hpp"
#include "runtime/image/registry/http_exchange.hpp"
#include "runtime/image/registry/url.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

namespace stack::registry {

namespace {

using Cause = TransportFailure::Cause;

// Slower than this for as long as the silence may last, a connection counts as silent: whoever sends a byte now and
// then to keep it open gains nothing.
constexpr long kSlowestBytesPerSecond = 64;

struct FreeList {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, FreeList>;

CurlList header_list(const std::vector<std::string>& headers) {
    CurlList list;
    const auto add = [&](const std::string& line) {
        curl_slist* longer = ::curl_slist_append(list.get(), line.c_str());
        if (longer == nullptr) throw std::bad_alloc{};
        static_cast<void>(list.release());
        list.reset(longer);
    };
    for (const std::string& line : headers) add(line);
    add("Expect:");  // no second of waiting for servers that ignore it
    return list;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* context) {
    auto& exchange = *static_cast<HttpExchange*>(context);
    return exchange.guarded([&] { exchange.take_header({data, size}); }) ? size : 0;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* context) {
    auto& exchange = *static_cast<HttpExchange*>(context);
    bool go_on = true;
    const bool ok = exchange.guarded([&] {
        go_on = exchange.take_body(std::as_bytes(std::span{data, size}));
    });
    return ok && go_on ? size : CURL_WRITEFUNC_ERROR;
}

std::size_t on_read(char* data, std::size_t, std::size_t size, void* context) {
    auto& exchange = *static_cast<HttpExchange*>(context);
    std::size_t given = 0;
    return exchange.guarded([&] { given = exchange.give({data, size}); }) ? given : CURL_READFUNC_ABORT;
}

// libcurl starts a body anew when a kept connection turns out to be closed.
int on_seek(void* context, curl_off_t offset, int origin) {
    auto& exchange = *static_cast<HttpExchange*>(context);
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
    exchange.rewind(static_cast<std::uint64_t>(offset));
    return CURL_SEEKFUNC_OK;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& exchange = *static_cast<HttpExchange*>(context);
    return exchange.guarded([&] { exchange.check_cancelled(); }) ? 0 : 1;
}

Cause cause_of(CURLcode code, std::string_view text) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_CONNECT:
            return Cause::unreachable;
        case CURLE_SSL_CONNECT_ERROR:
            if (text.find("SSL_ERROR_SYSCALL") != std::string_view::npos ||
                text.find("reset") != std::string_view::npos)
                return Cause::cut;
            return text.find("alert") != std::string_view::npos ? Cause::bad_certificate : Cause::not_tls;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
            return Cause::bad_certificate;
        case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9: an answer without a status line
        case CURLE_WEIRD_SERVER_REPLY:
            return Cause::not_http;
        case CURLE_RECV_ERROR:
            if (text.find("CONNECT tunnel failed") != std::string_view::npos) return Cause::unreachable;
            // TLS 1.3 tells only after the handshake that a client certificate is missing.
            return text.find("alert") != std::string_view::npos ? Cause::bad_certificate : Cause::cut;
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
            return Cause::cut;
        case CURLE_OPERATION_TIMEDOUT:
            return Cause::silent;
        default:
            return Cause::other;
    }
}

}  // namespace

struct HttpSession::Impl {
    CURL* handle = nullptr;
    ProxySettings proxies;
    std::chrono::seconds silence;
    std::function<bool()> keep_going;
    std::array<char, CURL_ERROR_SIZE> error{};

    // Also after a failure: a handle whose host could not be resolved keeps its buffers and takes no options (7.88).
    void renew() {
        CURL* fresh = ::curl_easy_init();
        if (fresh == nullptr) throw std::bad_alloc{};
        ::curl_easy_cleanup(std::exchange(handle, fresh));
    }

    template <typename Value>
    void set(CURLoption option, Value value) {
        const CURLcode code = ::curl_easy_setopt(handle, option, value);
        if (code != CURLE_OK)
            throw Error{ErrorKind::internal, fmt::format("libcurl: option {}: {}", static_cast<int>(option),
                                                         ::curl_easy_strerror(code))};
    }

    void set_blob(CURLoption option, const std::string& pem) {
        curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
        set(option, &blob);
    }

    void set_method(const HttpRequest& request) {
        const std::uint64_t size = request.file >= 0 ? request.file_size : request.body.size();
        switch (request.method) {
            case HttpMethod::get:
                set(CURLOPT_HTTPGET, 1L);
                return;
            case HttpMethod::head:
                set(CURLOPT_NOBODY, 1L);
                return;
            case HttpMethod::post:
                set(CURLOPT_POST, 1L);
                set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
                return;
            case HttpMethod::put:
            case HttpMethod::patch:
                set(CURLOPT_UPLOAD, 1L);
                set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
                if (request.method == HttpMethod::patch) set(CURLOPT_CUSTOMREQUEST, "PATCH");
                return;
        }
    }

    void set_tls(const TlsMaterial& tls) {
        set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
        set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
        set(CURLOPT_CAINFO, nullptr);
        set(CURLOPT_CAPATH, nullptr);
        if (!tls.authorities.empty()) set_blob(CURLOPT_CAINFO_BLOB, tls.authorities);
        if (tls.client_certificate.empty()) return;
        set_blob(CURLOPT_SSLCERT_BLOB, tls.client_certificate);
        set_blob(CURLOPT_SSLKEY_BLOB, tls.client_key);
    }

    // As Go's tools read the environment: never for this machine itself.
    void set_proxy(const std::string& url) {
        const std::string& proxy = url.starts_with("https:") ? proxies.https : proxies.http;
        set(CURLOPT_PROXY, is_loopback(host_of(url)) ? "" : proxy.c_str());
        set(CURLOPT_NOPROXY, proxies.no_proxy.c_str());
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // the proxy's answer is not the registry's
    }

    void set_limits(const HttpRequest& request) {
        const auto seconds = static_cast<long>(silence.count()) * (request.slow_answer ? 10 : 1);
        set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(silence.count()));
        set(CURLOPT_LOW_SPEED_LIMIT, kSlowestBytesPerSecond);
        set(CURLOPT_LOW_SPEED_TIME, seconds);
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_BUFFERSIZE, 256L << 10);
        set(CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
        set(CURLOPT_TCP_KEEPALIVE, 1L);
        set(CURLOPT_NOSIGNAL, 1L);
    }

    void set_callbacks(HttpExchange& exchange) {
        set(CURLOPT_HEADERFUNCTION, on_header);
        set(CURLOPT_HEADERDATA, &exchange);
        set(CURLOPT_WRITEFUNCTION, on_body);
        set(CURLOPT_WRITEDATA, &exchange);
        set(CURLOPT_READFUNCTION, on_read);
        set(CURLOPT_READDATA, &exchange);
        set(CURLOPT_SEEKFUNCTION, on_seek);
        set(CURLOPT_SEEKDATA, &exchange);
        set(CURLOPT_XFERINFOFUNCTION, on_progress);
        set(CURLOPT_XFERINFODATA, &exchange);
        set(CURLOPT_NOPROGRESS, 0L);
        set(CURLOPT_ERRORBUFFER, error.data());
    }

    [[noreturn]] void fail(CURLcode code, bool answer_begun) {
        renew();
        std::string text = error.front() != '\0' ? error.data() : ::curl_easy_strerror(code);
        if (code == CURLE_OPERATION_TIMEDOUT) text = fmt::format("nothing came for {} s", silence.count());
        TransportFailure failure{cause_of(code, text), text};
        failure.answer_begun = answer_begun;
        throw failure;
    }
};

HttpSession::HttpSession(ProxySettings proxies, std::chrono::seconds silence)
    : impl_{std::make_unique<Impl>()} {
    impl_->proxies = std::move(proxies);
    impl_->silence = silence;
    impl_->renew();
}

HttpSession::~HttpSession() {
    ::curl_easy_cleanup(impl_->handle);
}

void HttpSession::set_keep_going(std::function<bool()> keep_going) {
    impl_->keep_going = std::move(keep_going);
}

HttpAnswer HttpSession::perform(const HttpRequest& request, const TlsMaterial& tls) {
    HttpExchange exchange{request, impl_->keep_going};
    const CurlList headers = header_list(request.headers);
    ::curl_easy_reset(impl_->handle);  // keeps connections
    impl_->error.front() = '\0';
    impl_->set_method(request);
    impl_->set_tls(tls);
    impl_->set_proxy(request.url);
    impl_->set_limits(request);
    impl_->set_callbacks(exchange);
    impl_->set(CURLOPT_URL, request.url.c_str());
    impl_->set(CURLOPT_HTTPHEADER, headers.get());
    impl_->set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    impl_->set(CURLOPT_USERAGENT, fmt::format("stack/{}", kVersion).c_str());
    const CURLcode code = ::curl_easy_perform(impl_->handle);
    exchange.rethrow();
    if (code != CURLE_OK && !exchange.dropped()) impl_->fail(code, exchange.answer().status != 0);
    return std::move(exchange.answer());
}

}  // namespace stack::registry
