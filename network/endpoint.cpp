#include "network/endpoint.hpp"

#include "network/dns_redirect.hpp"
#include "network/links.hpp"
#include "network/namespace.hpp"
#include "runtime/base/error.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace stack::network {

namespace {

constexpr std::uint32_t kDnsAddress =
    0x7f00000b;  // 127.0.0.11, as Docker has it: nginx configurations name it
constexpr int kDnsBacklog = 64;

UniqueFd bind_dns_socket(int type) {
    UniqueFd socket{::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket.valid()) throw_errno("open DNS socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(kDnsAddress);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw_errno("bind DNS socket");
    if (type == SOCK_STREAM && ::listen(socket.get(), kDnsBacklog) != 0) throw_errno("listen on DNS socket");
    return socket;
}

std::uint16_t port_of(const UniqueFd& socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw_errno("read address of DNS socket");
    return ntohs(address.sin_port);
}

}  // namespace

EndpointNamespace make_endpoint_namespace() {
    EndpointNamespace result;
    result.netns = make_namespace([&] {
        set_up_loopback();
        allow_ping();
        // Interfaces to come have IPv4 only; ::1 on lo stays.
        if (!read_sysctl("ipv6/conf/default/disable_ipv6").empty())
            write_sysctl("ipv6/conf/default/disable_ipv6", "1");
        result.dns_udp = bind_dns_socket(SOCK_DGRAM);
        result.dns_tcp = bind_dns_socket(SOCK_STREAM);
        install_dns_redirect(port_of(result.dns_udp), port_of(result.dns_tcp));
    });
    return result;
}

std::string veth_name(Ipv4 address) {
    return fmt::format("ve-{:08x}", address.value);
}

void join_bridge(Links& hub, Links& inside, int netns, const BridgeSeat& seat) {
    const std::optional<Ipv4> address = Ipv4::parse(seat.seat.ip);
    if (!address)
        throw Error{ErrorKind::internal, fmt::format("seat on '{}' has no address", seat.seat.network)};
    VethOptions pair;
    pair.name = veth_name(*address);
    pair.master = seat.bridge_index;
    pair.peer_name = seat.seat.interface;
    pair.peer_namespace = netns;
    pair.peer_mac = seat.seat.mac;
    pair.mtu = seat.mtu;
    try {
        hub.create_veth(pair);
    } catch (const Error& error) {
        if (error.code() != EEXIST) throw;
        // The last holder of this address is gone, its namespace not yet: the kernel takes those down at leisure.
        hub.remove(pair.name);
        hub.create_veth(pair);
    }
    InterfaceSetup setup{seat.seat.interface, InterfaceAddress{*address, seat.seat.prefix_length},
                         std::nullopt};
    if (!seat.seat.gateway.empty()) setup.default_gateway = Ipv4::parse(seat.seat.gateway);
    inside.configure(setup);
    hub.wait_ready(pair.name);
    hub.wait_ready(seat.bridge);  // has a carrier with its first port
    inside.wait_ready(seat.seat.interface);
}

}  // namespace stack::network
