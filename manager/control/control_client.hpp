// The client's side of the control API: HTTP/1.1 by hand over the project's Unix socket, one request a
// connection. Requests are tiny and answers are streams of lines, so this stays small instead of carrying an
// HTTP library into the start-up of every command. Blocking calls for those who want an answer; a descriptor
// to poll for those who have a terminal, signals and logs to watch as well.
#pragma once

#include "manager/control/http_response.hpp"
#include "runtime/base/fd.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stack::control {

class ControlConnection {
  public:
    /// nullopt when nobody listens there (no socket, or one that a dead supervisor left). Throws Error
    /// otherwise, also when the peer is another user than we are (SO_PEERCRED) and not root.
    static std::optional<ControlConnection> connect(const std::string& socket_path);

    /// Sends the request. `upgrade` is the protocol to switch to, empty for an ordinary request. Throws
    /// Error.
    void send_request(std::string_view method, std::string_view target, std::string_view json_body = {},
                      std::string_view upgrade = {});

    /// Poll it for POLLIN, then call `receive`.
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// Reads once (blocking if nothing is there). False when the response is complete or the peer has closed;
    /// a response that is cut short gives `broken()`. Throws Error for what is no HTTP.
    bool receive();
    [[nodiscard]] bool broken() const { return broken_; }
    [[nodiscard]] const HttpResponseParser& response() const { return parser_; }
    std::optional<std::string> take_line() { return parser_.take_line(); }

    /// Reads until the headers are there; throws the Error that the server sent if the status is not
    /// `expected`.
    void expect_status(int expected);
    /// Reads to the end and returns the body. Throws Error when it is cut short.
    std::string read_body();

    /// After a 101 answer: the raw socket, and what of the new protocol came together with the headers.
    struct Upgraded {
        UniqueFd socket;
        std::string first_bytes;
        std::vector<UniqueFd> first_fds;
    };
    Upgraded take_upgraded() &&;

  private:
    explicit ControlConnection(UniqueFd socket) : socket_{std::move(socket)} {}
    UniqueFd socket_;
    HttpResponseParser parser_;
    std::vector<UniqueFd> fds_;
    bool broken_ = false;
};

/// GET, whole answer. nullopt when no supervisor listens.
std::optional<std::string> get(const std::string& socket_path, std::string_view target);

}  // namespace stack::control
