#include "network/links.hpp"

#include "runtime/base/error.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace stack::network {

namespace {

std::array<std::uint8_t, 6> parse_mac(const MacAddress& text) {
    std::array<std::uint8_t, 6> mac{};
    int end = 0;
    const int got = ::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
                             &mac[3], &mac[4], &mac[5], &end);
    if (got != 6 || static_cast<std::size_t>(end) != text.size())
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is no MAC address", text)};
    return mac;
}

void put_mac(NetlinkMessage& message, const MacAddress& text) {
    const std::array<std::uint8_t, 6> mac = parse_mac(text);
    message.put(IFLA_ADDRESS, mac.data(), mac.size());
}

void put_address(NetlinkMessage& message, int attribute, Ipv4 address) {
    message.put_u32(attribute, htonl(address.value));
}

// A link's name is at most 15 bytes; longer ones would be cut by some kernels and refused by others.
void put_name(NetlinkMessage& message, const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ)
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is no name for an interface", name)};
    message.put_string(IFLA_IFNAME, name);
}

ifinfomsg link_header(int index = 0, unsigned flags = 0, unsigned change = 0) {
    ifinfomsg header{};
    header.ifi_family = AF_UNSPEC;
    header.ifi_index = index;
    header.ifi_flags = flags;
    header.ifi_change = change;
    return header;
}

NetlinkMessage set_up_message(int index) {
    NetlinkMessage message{RTM_NEWLINK, 0};
    message.header(link_header(index, IFF_UP, IFF_UP));
    return message;
}

constexpr int kReplace = NLM_F_CREATE | NLM_F_REPLACE;

NetlinkMessage address_message(int index, const InterfaceAddress& address) {
    NetlinkMessage message{RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL};
    ifaddrmsg header{};
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix_length);
    header.ifa_scope = RT_SCOPE_UNIVERSE;
    header.ifa_index = static_cast<unsigned>(index);
    message.header(header);
    put_address(message, IFA_LOCAL, address.address);
    put_address(message, IFA_ADDRESS, address.address);
    const std::uint32_t host_bits =
        address.prefix_length >= 31 ? 0 : ~std::uint32_t{0} >> address.prefix_length;
    if (host_bits != 0) put_address(message, IFA_BROADCAST, Ipv4{address.address.value | host_bits});
    return message;
}

NetlinkMessage route_message(int type, int flags, const Prefix& destination, Ipv4 gateway, int index) {
    NetlinkMessage message{type, flags};
    rtmsg header{};
    header.rtm_family = AF_INET;
    header.rtm_dst_len = static_cast<std::uint8_t>(destination.length);
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = RTPROT_STATIC;
    header.rtm_scope = RT_SCOPE_UNIVERSE;
    header.rtm_type = RTN_UNICAST;
    message.header(header);
    if (destination.length > 0) put_address(message, RTA_DST, destination.address);
    put_address(message, RTA_GATEWAY, gateway);
    message.put_u32(RTA_OIF, static_cast<std::uint32_t>(index));
    return message;
}

int require(Links& links, const std::string& name) {
    const std::optional<int> index = links.find(name);
    if (!index) throw Error{ErrorKind::not_found, fmt::format("there is no link '{}'", name)};
    return *index;
}

}  // namespace

Links::Links() : Links{NetlinkSocket{NETLINK_ROUTE}} {}
Links::Links(NetlinkSocket socket) : socket_{std::move(socket)} {}

Links Links::in(int netns) {
    return Links{NetlinkSocket::in(netns, NETLINK_ROUTE)};
}

void Links::create_bridge(const std::string& name, const MacAddress& mac, int mtu) {
    NetlinkMessage message{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL};
    message.header(link_header());
    put_name(message, name);
    // Set by hand: otherwise a bridge takes the lowest address of its ports, which changes as they come and
    // go and leaves the neighbours with a stale entry for the gateway.
    put_mac(message, mac);
    if (mtu > 0) message.put_u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
    message.nest(IFLA_LINKINFO, [](NetlinkMessage& info) {
        info.put_string(IFLA_INFO_KIND, "bridge");
        info.nest(IFLA_INFO_DATA, [](NetlinkMessage& data) {
            data.put_u32(IFLA_BR_STP_STATE, 0);
            data.put_u32(IFLA_BR_FORWARD_DELAY, 0);
            data.put_u8(IFLA_BR_MCAST_SNOOPING, 0);
        });
    });
    socket_.request(std::move(message), fmt::format("create bridge {}", name));
}

void Links::create_veth(const VethOptions& options) {
    NetlinkMessage message{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL};
    message.header(link_header(0, options.up ? unsigned{IFF_UP} : 0u, IFF_UP));
    put_name(message, options.name);
    if (options.master > 0) message.put_u32(IFLA_MASTER, static_cast<std::uint32_t>(options.master));
    if (options.mtu > 0) message.put_u32(IFLA_MTU, static_cast<std::uint32_t>(options.mtu));
    const auto fill_peer = [&](NetlinkMessage& peer) {
        peer.header(link_header());
        put_name(peer, options.peer_name);
        if (options.peer_mac) put_mac(peer, *options.peer_mac);
        if (options.mtu > 0) peer.put_u32(IFLA_MTU, static_cast<std::uint32_t>(options.mtu));
        if (options.peer_namespace >= 0)
            peer.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(options.peer_namespace));
    };
    message.nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
        info.put_string(IFLA_INFO_KIND, "veth");
        info.nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) { data.nest(VETH_INFO_PEER, fill_peer); });
    });
    socket_.request(std::move(message), fmt::format("create veth {}", options.name));
}

void Links::remove(const std::string& name) {
    NetlinkMessage message{RTM_DELLINK, 0};
    message.header(link_header());
    put_name(message, name);
    std::vector<NetlinkSocket::Step> steps;
    steps.push_back({std::move(message), fmt::format("remove link {}", name), ENODEV});
    socket_.batch(std::move(steps));
}

std::optional<int> Links::find(const std::string& name) {
    NetlinkMessage message{RTM_GETLINK, 0};
    message.header(link_header());
    put_name(message, name);
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    std::optional<int> index;
    socket_.get(
        std::move(message),
        [&](const nlmsghdr& answer) { index = family_header<ifinfomsg>(answer).ifi_index; },
        fmt::format("look for link {}", name));
    return index;
}

bool Links::ready(const std::string& name) {
    NetlinkMessage message{RTM_GETLINK, 0};
    message.header(link_header());
    put_name(message, name);
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    bool result = false;
    const auto look = [&](const nlmsghdr& answer) {
        result = (family_header<ifinfomsg>(answer).ifi_flags & IFF_RUNNING) != 0;
        const std::string_view attributes = message_attributes(answer, sizeof(ifinfomsg));
        const auto info = find_attribute(attributes, IFLA_LINKINFO);
        const auto port = find_attribute(info.value_or(""), IFLA_INFO_SLAVE_DATA);
        const auto state = find_attribute(port.value_or(""), IFLA_BRPORT_STATE);
        if (state) result = result && attribute_u8(*state) == BR_STATE_FORWARDING;
    };
    socket_.get(std::move(message), look, fmt::format("look at link {}", name));
    return result;
}

void wait_until(const std::function<bool()>& check) {
    constexpr int kTries = 1000;
    constexpr std::chrono::milliseconds kPause{1};
    for (int i = 0; i < kTries && !check(); ++i) std::this_thread::sleep_for(kPause);
}

void Links::wait_ready(const std::string& name) {
    // A link that got its carrier is taken into use by a work queue. Since Linux 6.7 asking for the link does that
    // work at once; before, it takes some milliseconds.
    wait_until([&] { return ready(name); });
}

void Links::configure(const InterfaceSetup& setup) {
    const int index = require(*this, setup.name);
    std::vector<NetlinkSocket::Step> steps;
    if (setup.address) {
        steps.push_back({address_message(index, *setup.address),
                         fmt::format("add address {} to {}", setup.address->address.text(), setup.name),
                         EEXIST});
    }
    steps.push_back({set_up_message(index), fmt::format("set {} up", setup.name)});
    if (setup.default_gateway) {
        steps.push_back(
            {route_message(RTM_NEWROUTE, kReplace, Prefix{Ipv4{0}, 0}, *setup.default_gateway, index),
             fmt::format("add default route by {}", setup.default_gateway->text())});
    }
    socket_.batch(std::move(steps));
}

void Links::set_up(const std::string& name) {
    socket_.request(set_up_message(require(*this, name)), fmt::format("set {} up", name));
}

void Links::add_route(const Prefix& destination, Ipv4 gateway, const std::string& link) {
    socket_.request(route_message(RTM_NEWROUTE, kReplace, destination, gateway, require(*this, link)),
                    fmt::format("add route to {} by {}", destination.text(), gateway.text()));
}

void Links::remove_route(const Prefix& destination, Ipv4 gateway, const std::string& link) {
    const std::optional<int> index = find(link);
    if (!index) return;  // its routes went with it
    std::vector<NetlinkSocket::Step> steps;
    steps.push_back({route_message(RTM_DELROUTE, 0, destination, gateway, *index),
                     fmt::format("remove route to {}", destination.text()), ESRCH});
    socket_.batch(std::move(steps));
}

std::vector<Prefix> Links::routes() {
    NetlinkMessage message{RTM_GETROUTE, 0};
    rtmsg header{};
    header.rtm_family = AF_INET;
    message.header(header);
    std::vector<Prefix> result;
    const auto collect = [&](const nlmsghdr& answer) {
        const auto& route = family_header<rtmsg>(answer);
        // Types other than unicast (blackhole, unreachable, prohibit) are meant to keep an address range free
        // too.
        const bool local =
            route.rtm_type == RTN_LOCAL || route.rtm_type == RTN_BROADCAST || route.rtm_type == RTN_MULTICAST;
        const auto to = find_attribute(message_attributes(answer, sizeof(rtmsg)), RTA_DST);
        if (route.rtm_family != AF_INET || local || !to || to->size() != 4) return;
        result.push_back(Prefix{Ipv4{ntohl(attribute_u32(*to))}, route.rtm_dst_len});
    };
    socket_.dump(std::move(message), collect, "list routes");
    return result;
}

}  // namespace stack::network
