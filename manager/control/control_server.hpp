// The supervisor's side of the control API: HTTP/1.1 over the project's Unix socket. Knows connections,
// requests and streams of lines; what a request means is its handler's business. The only place that knows
// Boost.Beast.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/task.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace stack::control {

struct Request {
    std::string method;
    std::string target;
    std::string body;
    std::string upgrade;  ///< value of the Upgrade header, empty without one
};

/// One request's answer. Exactly one of `reply`, `start_stream`, `upgrade` is called.
class Exchange {
  public:
    virtual ~Exchange() = default;
    virtual Task<> reply(int status, std::string json_body) = 0;
    /// 200 with a chunked body of JSON lines.
    virtual Task<> start_stream() = 0;
    /// Queues one line (without newline). Never blocks; dropped when the client has gone.
    virtual void send_line(std::string line) = 0;
    /// Writes out what is queued and ends the body.
    virtual Task<> end_stream() = 0;
    /// 101, then the bare socket is the caller's.
    virtual Task<UniqueFd> upgrade(std::string protocol) = 0;
    /// Until the client has closed its side.
    virtual Task<> wait_for_close() = 0;
    /// This exchange only listens: it does not count as work under way.
    virtual void set_passive() = 0;
};

using Handler = std::function<Task<>(Request, std::shared_ptr<Exchange>)>;

class ControlServer {
  public:
    /// `listener`: a listening, non-blocking AF_UNIX socket. Peers of another uid than ours are turned away.
    ControlServer(EventLoop& loop, UniqueFd listener, Handler handler, Log log);
    ~ControlServer();

    /// Accepts until cancelled; connections are its children and are joined before it returns.
    Task<> serve();
    /// Ends `serve`: no more connections, running exchanges are cancelled.
    void stop();
    /// Connections that have not ended and are not passive, those included whose request is still to come.
    [[nodiscard]] std::size_t busy() const;
    /// True when a client waits to be accepted.
    [[nodiscard]] bool has_pending_client() const;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace stack::control
