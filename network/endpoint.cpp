#include "network/endpoint.hpp"

#include "network/dns_redirect.hpp"
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

NewEndpoint make_endpoint_namespace(UniqueFd given) {
    EndpointNamespace net;
    std::optional<Links> inside;
    net.netns = set_up_namespace(std::move(given), [&] {
        set_up_loopback();
        allow_ping();
        // Interfaces to come have IPv4 only; ::1 on lo stays.
        if (!read_sysctl("ipv6/conf/default/disable_ipv6").empty())
            write_sysctl("ipv6/conf/default/disable_ipv6", "1");
        net.dns_udp = bind_dns_socket(SOCK_DGRAM);
        net.dns_tcp = bind_dns_socket(SOCK_STREAM);
        install_dns_redirect(port_of(net.dns_udp), port_of(net.dns_tcp));
        inside.emplace();
    });
    return NewEndpoint{std::move(net), std::move(*inside)};
}

std::string veth_name(Ipv4 address) {
    return fmt::format("ve-{:08x}", address.value);
}

namespace {
Ipv4 address_of(const BridgeSeat& seat) {
    const std::optional<Ipv4> address = Ipv4::parse(seat.seat.ip);
    if (!address)
        throw Error{ErrorKind::internal, fmt::format("seat on '{}' has no address", seat.seat.network)};
    return *address;
}
}  // namespace

void plug_in(Links& hub, int netns, const BridgeSeat& seat) {
    VethOptions pair;
    pair.name = veth_name(address_of(seat));
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
}

void configure_inside(Links& inside, const BridgeSeat& seat) {
    const InterfaceAddress address{address_of(seat), seat.seat.prefix_length};
    InterfaceSetup setup{seat.seat.interface, address, std::nullopt};
    if (!seat.seat.gateway.empty()) setup.default_gateway = Ipv4::parse(seat.seat.gateway);
    inside.configure(setup);
    inside.wait_ready(seat.seat.interface);
}

bool passes(Links& hub, const BridgeSeat& seat) {
    // The bridge has a carrier of its own, from its first port on.
    return hub.ready(veth_name(address_of(seat))) && hub.ready(seat.bridge);
}

}  // namespace stack::network
