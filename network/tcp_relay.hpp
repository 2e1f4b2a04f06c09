// One proxied TCP connection: bytes go both ways by splice(2), each direction ends by itself (half-close), a reset on
// one side is a reset on the other.
#pragma once

#include "network/poller.hpp"
#include "network/socket_address.hpp"
#include "runtime/base/fd.hpp"

#include <cstddef>
#include <functional>
#include <vector>

namespace stack::network {

/// Pipes between two splices. A connection holds one only while bytes are on their way, so idle connections cost
/// two descriptors and not six.
class PipePool {
  public:
    /// Throws Error (EMFILE).
    Pipe take();
    void give_back(Pipe pipe);

  private:
    std::vector<Pipe> free_;
};

class TcpRelay : public Pollable {
  public:
    using OnEnd = std::function<void(TcpRelay&)>;

    /// Connects from the calling thread's namespace to `target`. `on_end` is called once, from on_ready. Throws Error.
    TcpRelay(Poller& poller, PipePool& pipes, UniqueFd client, const SocketAddress& target, OnEnd on_end);

    void on_ready(std::uint32_t events) override;

  private:
    struct Direction {
        int from = -1;
        int to = -1;
        Pipe pipe;
        std::size_t in_pipe = 0;
        bool ended = false;   // the sender has said all
        bool closed = false;  // and the receiver knows
    };
    enum class Progress { waiting, busy, starved, failed };

    bool finish_connect();
    Progress pump(Direction& direction);
    bool fill(Direction& direction);
    bool drain(Direction& direction);
    void end(bool reset);

    Poller& poller_;
    PipePool& pipes_;
    UniqueFd client_;
    UniqueFd server_;
    Direction up_;
    Direction down_;
    OnEnd on_end_;
    bool connected_ = false;
    bool over_ = false;
};

}  // namespace stack::network
