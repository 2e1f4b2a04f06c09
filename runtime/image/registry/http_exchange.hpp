// One request under way, as libcurl's callbacks see it: headers and body come in, what is sent goes out, all within the
// request's bounds.
#pragma once

#include "runtime/image/registry/http_session.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string_view>

namespace stack::registry {

class HttpExchange {
  public:
    /// Both outlive the object.
    HttpExchange(const HttpRequest& request, const std::function<bool()>& keep_going)
        : request_{request}, keep_going_{keep_going} {}

    /// Nothing may be thrown through libcurl: the first exception is kept, and false ends the request.
    template <typename Action>
    bool guarded(Action action) noexcept {
        try {
            action();
            return true;
        } catch (...) {
            if (!thrown_) thrown_ = std::current_exception();
            return false;
        }
    }
    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }

    /// A line of the headers, the status line included. Throws TransportFailure beyond 256 KiB of them.
    void take_header(std::string_view line);
    /// False when no more is wanted. Throws TransportFailure, and what the request's functions throw.
    bool take_body(std::span<const std::byte> bytes);
    /// How many bytes of what is sent were put there; 0 at its end. Throws Error.
    std::size_t give(std::span<char> into);
    /// What is sent begins anew from this offset.
    void rewind(std::uint64_t offset) { sent_ = offset; }
    /// Throws TransportFailure when the request was cancelled.
    void check_cancelled() const;

    HttpAnswer& answer() { return answer_; }
    /// The rest of a refusal was not wanted: no failure.
    [[nodiscard]] bool dropped() const { return dropped_; }

  private:
    [[nodiscard]] bool success() const { return answer_.status >= 200 && answer_.status < 300; }

    const HttpRequest& request_;
    const std::function<bool()>& keep_going_;
    HttpAnswer answer_;
    BodySink sink_;
    std::size_t header_bytes_ = 0;
    std::uint64_t sent_ = 0;
    bool body_begun_ = false, dropped_ = false;
    std::exception_ptr thrown_;
};

}  // namespace stack::registry
