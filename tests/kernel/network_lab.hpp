// A throw-away host for network tests: fresh network and mount namespaces, a "LAN" neighbour behind a veth, and real
// TCP and UDP peers in any namespace. Everything ends with the test.
#pragma once

#include "network/hub.hpp"
#include "network/links.hpp"
#include "runtime/base/fd.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace stack::network::lab {

using namespace std::chrono_literals;

/// Polls until `check` holds; false after `limit`.
bool eventually(const std::function<bool()>& check, std::chrono::milliseconds limit = 30s);

/// Stdout of a shell command, run in `netns` (-1: the caller's).
std::string shell(const std::string& command, int netns = -1);

/// Accepts on address:port in a namespace until destroyed. Every connection gets `greeting FROM client-ip\n`, then
/// its own bytes back until it ends its half. UDP gets `greeting FROM client-ip\n` for each datagram.
class Server {
  public:
    Server(int netns, const std::string& address, std::uint16_t port, std::string greeting, bool udp = false);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

  private:
    void serve_tcp();
    void serve_udp();
    UniqueFd socket_;
    Pipe stop_;
    std::string greeting_;
    std::thread thread_;
};

/// First line the peer says; "refused", "timeout" or "unreachable" where it comes to that.
std::string ask_tcp(int netns, const std::string& address, std::uint16_t port,
                    std::chrono::milliseconds limit = 3s);
std::string ask_udp(int netns, const std::string& address, std::uint16_t port,
                    std::chrono::milliseconds limit = 3s);
/// A connected socket, for tests that say more. Throws Error.
UniqueFd connect_tcp(int netns, const std::string& address, std::uint16_t port);

/// A seat as Compose asks for it, address still open.
EndpointSpec seat_on(const std::string& network);

class HostLab : public ::testing::Test {
  protected:
    static constexpr const char* kHostIp = "192.0.2.2";
    static constexpr const char* kLanIp = "192.0.2.9";

    void SetUp() override;
    void TearDown() override;

    [[nodiscard]] HubOptions options(const std::string& project) const;
    /// A container with one seat on each network, as the engine would make it.
    struct Container {
        EndpointNamespace net;
        std::vector<EndpointSpec> seats;
        [[nodiscard]] int netns() const { return net.netns.get(); }
        [[nodiscard]] const std::string& ip(std::size_t seat = 0) const { return seats.at(seat).ip; }
    };
    static Container make_container(Hub& hub, const std::string& id,
                                    const std::vector<std::string>& networks);
    /// Links, routes, rules and mounts of the host and files of records, as one text.
    [[nodiscard]] std::string host_state() const;

    std::string directory_;
    UniqueFd host_;
    UniqueFd lan_;
};

}  // namespace stack::network::lab
