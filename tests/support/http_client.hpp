// The least HTTP client tests need: one GET over TCP, with a limit. No redirects, no TLS.
#pragma once

#include "runtime/base/fd.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace stack::test {

struct HttpAnswer {
    int status = 0;  ///< 0: no answer; `error` says why
    std::string body;
    std::string error;
};
HttpAnswer http_get(const std::string& address, std::uint16_t port, const std::string& path = "/",
                    std::chrono::milliseconds limit = std::chrono::seconds{5});

/// The first answer of a server that has only just been started and may not listen yet; waits up to 30 s for it.
HttpAnswer http_get_once_up(const std::string& address, std::uint16_t port);

/// A TCP port that nobody listens on, in the calling thread's network namespace: bound, so that nobody else can.
class SilentPort {
  public:
    SilentPort();
    [[nodiscard]] std::uint16_t number() const { return number_; }

  private:
    UniqueFd socket_;
    std::uint16_t number_ = 0;
};

}  // namespace stack::test
