// Links, addresses and routes of one network namespace, as single kernel operations. Decides nothing: names,
// addresses and order are the caller's (hub). rtnetlink(7), veth(4).
#pragma once

#include "network/ipam.hpp"
#include "runtime/base/netlink.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stack::network {

using MacAddress = std::string;  ///< "02:42:0a:d0:00:02"

struct VethOptions {
    std::string name;         ///< this side, in the socket's namespace
    int master = 0;           ///< ifindex of the bridge to join, 0: none
    std::string peer_name;    ///< other side
    int peer_namespace = -1;  ///< descriptor of the namespace it is born in; -1: this one
    std::optional<MacAddress> peer_mac;
    int mtu = 0;  ///< 0: the default
    /// Whether this side comes up at once. A link that is up should not be asked about before its peer is: on recent
    /// kernels the question makes the missing carrier official, which takes an RCU grace period.
    bool up = true;
};

struct InterfaceAddress {
    Ipv4 address{};
    int prefix_length = 32;
};

/// What one end of a pair needs to talk: done in one system call by `configure`.
struct InterfaceSetup {
    std::string name;
    std::optional<InterfaceAddress> address;
    std::optional<Ipv4> default_gateway;
};

/// Polls every millisecond until `check` holds, at most a second; links don't fail because of it.
void wait_until(const std::function<bool()>& check);

class Links {
  public:
    /// For the calling thread's namespace, and for that of a descriptor. Throws Error.
    Links();
    static Links in(int netns);

    void create_bridge(const std::string& name, const MacAddress& mac, int mtu);
    void create_veth(const VethOptions& options);
    /// Links that don't exist are fine. Throws Error.
    void remove(const std::string& name);
    /// ifindex, or nullopt when there is no such link.
    [[nodiscard]] std::optional<int> find(const std::string& name);
    /// True when the link has a carrier and, as a bridge port, forwards.
    [[nodiscard]] bool ready(const std::string& name);

    /// Waits until `ready`: right after a pair comes up the kernel still drops what is sent, and a
    /// lost first packet is asked for again a whole second later.
    void wait_ready(const std::string& name);

    void configure(const InterfaceSetup& setup);
    void set_up(const std::string& name);
    void add_route(const Prefix& destination, Ipv4 gateway, const std::string& link);
    /// Missing is fine.
    void remove_route(const Prefix& destination, Ipv4 gateway, const std::string& link);
    /// IPv4 unicast destinations of the main and other tables, without default routes.
    [[nodiscard]] std::vector<Prefix> routes();

  private:
    explicit Links(NetlinkSocket socket);
    NetlinkSocket socket_;
};

}  // namespace stack::network
