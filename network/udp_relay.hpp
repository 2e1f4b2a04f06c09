// A published UDP port: each client address is a flow with a socket of its own towards the container, so answers find
// their way back. Flows end when nothing passes for a while; when there are too many, the longest silent one goes.
#pragma once

#include "network/poller.hpp"
#include "network/socket_address.hpp"
#include "runtime/base/fd.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace stack::network {

class UdpRelay : public Pollable {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// `socket` is bound, non-blocking, with packet information turned on.
    UdpRelay(Poller& poller, UniqueFd socket, std::size_t max_flows);
    ~UdpRelay() override;

    /// Ends everything; only destruction may follow.
    void close();

    /// Without one, datagrams wait in the socket. A new target ends the flows to the old one.
    void set_target(std::optional<SocketAddress> target);
    void on_ready(std::uint32_t events) override;
    /// Drops flows that have been silent for too long.
    void expire(Time now);
    [[nodiscard]] std::size_t flows() const { return by_age_.size(); }

  private:
    class Flow;
    using Flows = std::list<std::unique_ptr<Flow>>;

    struct Datagram;
    void pass_on(const Datagram& datagram);
    Flow* flow_of(const Datagram& datagram);
    void forget(Flows::iterator flow);

    Poller& poller_;
    UniqueFd socket_;
    std::size_t max_flows_;
    std::optional<SocketAddress> target_;
    Flows by_age_;  // longest silent first
    std::unordered_map<std::string, Flows::iterator> by_client_;
};

}  // namespace stack::network
