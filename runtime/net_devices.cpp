#include "runtime/net_devices.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/network_namespace.hpp"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

struct FoundLink {
    int index = 0;
    bool up = false;
};

ifinfomsg link_with(int index) {
    ifinfomsg header{};
    header.ifi_index = index;
    return header;
}

std::optional<FoundLink> find_link(NetlinkSocket& socket, const std::string& name) {
    NetlinkMessage message{RTM_GETLINK, 0};
    message.header(link_with(0)).put_string(IFLA_IFNAME, name);
    std::optional<FoundLink> found;
    socket.get(
        std::move(message),
        [&](const nlmsghdr& answer) {
            const auto& link = family_header<ifinfomsg>(answer);
            found = FoundLink{link.ifi_index, (link.ifi_flags & IFF_UP) != 0};
        },
        fmt::format("look for network device \"{}\"", name));
    return found;
}

std::vector<std::string> link_names(NetlinkSocket& socket) {
    NetlinkMessage message{RTM_GETLINK, 0};
    message.header(link_with(0));
    std::vector<std::string> names;
    const auto collect = [&](const nlmsghdr& answer) {
        const auto name = find_attribute(message_attributes(answer, sizeof(ifinfomsg)), IFLA_IFNAME);
        if (name) names.emplace_back(name->data());  // ends with NUL
    };
    socket.dump(std::move(message), collect, "list network devices");
    return names;
}

NetlinkMessage move_message(int index, int netns, const std::string& name) {
    NetlinkMessage message{RTM_NEWLINK, 0};
    message.header(link_with(index));
    message.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns)).put_string(IFLA_IFNAME, name);
    return message;
}

}  // namespace

bool is_net_device_name(std::string_view name, bool pattern) {
    if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") return false;
    const std::size_t number = name.find('%');
    if (number != std::string_view::npos &&
        (!pattern || name.substr(number, 2) != "%d" || name.find('%', number + 1) != std::string_view::npos))
        return false;
    return std::none_of(name.begin(), name.end(),
                        [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '/' || c == ':'; });
}

std::string expand_net_device_name(const std::string& pattern, const std::vector<std::string>& taken) {
    const std::size_t at = pattern.find("%d");
    if (at == std::string::npos) return pattern;
    for (unsigned number = 0;; ++number) {
        std::string name = pattern;
        name.replace(at, 2, std::to_string(number));
        if (std::find(taken.begin(), taken.end(), name) == taken.end()) return name;
    }
}

NetDeviceLoan::NetDeviceLoan(UniqueFd netns)
    : netns_here_{current_network_namespace()},
      netns_there_{std::move(netns)},
      here_{NETLINK_ROUTE},
      there_{NetlinkSocket::in(netns_there_.get(), NETLINK_ROUTE)} {}

NetDeviceLoan::~NetDeviceLoan() {
    for (auto device = moved_.rbegin(); device != moved_.rend(); ++device) {
        try {
            const std::optional<FoundLink> link = find_link(there_, device->name_there);
            if (!link) continue;
            there_.request(move_message(link->index, netns_here_.get(), device->name_here),
                           fmt::format("give network device \"{}\" back", device->name_here));
            arrive(here_, device->name_here, device->addresses, device->was_up);
        } catch (const Error&) {  // whoever ends this loan has the error that counts
        }
    }
}

void NetDeviceLoan::move(const std::map<std::string, std::string>& devices) {
    for (const auto& [name, pattern] : devices) move_one(name, pattern);
}

void NetDeviceLoan::move_one(const std::string& name, const std::string& pattern) {
    const std::optional<FoundLink> link = find_link(here_, name);
    if (!link)
        throw Error{ErrorKind::not_found,
                    fmt::format("there is no network device \"{}\" to move into the container", name)}
            .with_hint("`ip link` lists those of the host");
    const bool numbered = pattern.find('%') != std::string::npos;
    const std::string inside = numbered ? expand_net_device_name(pattern, link_names(there_)) : pattern;
    // Asked before, as the kernel moves first and renames then.
    if (!numbered && find_link(there_, inside))
        throw Error{
            ErrorKind::conflict,
            fmt::format(
                "network device \"{}\" can't be \"{}\" in the container, which has a device of that name",
                name, inside)}
            .with_hint("give it another `name`, or one with %d for the next free number");
    Device device{name, inside, link->up, addresses_of(here_, link->index)};
    try {
        here_.request(move_message(link->index, netns_there_.get(), inside),
                      fmt::format("move network device \"{}\" into the container", name));
    } catch (Error& error) {
        if (!find_link(here_, name)) {  // moved, and lost its name to somebody who was faster
            device.name_there = name;
            moved_.push_back(std::move(device));
        }
        if (error.code() == EINVAL) error.with_hint("devices such as lo never leave their network namespace");
        throw;
    }
    moved_.push_back(device);
    std::erase_if(device.addresses, [](const Address& address) { return !address.goes_along; });
    arrive(there_, inside, device.addresses, true);
}

// In a namespace where it has just come to, without addresses and down.
void NetDeviceLoan::arrive(NetlinkSocket& socket, const std::string& name,
                           const std::vector<Address>& addresses, bool up) {
    const std::optional<FoundLink> link = find_link(socket, name);
    if (!link)
        throw Error{ErrorKind::not_found,
                    fmt::format("network device \"{}\" went away while it was moved", name)};
    std::vector<NetlinkSocket::Step> steps;
    for (const Address& address : addresses) {
        NetlinkMessage message{RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL};
        ifaddrmsg header = address.header;
        header.ifa_index = static_cast<unsigned>(link->index);
        message.header(header);
        for (const auto& [type, content] : address.attributes)
            message.put(type, content.data(), content.size());
        steps.push_back({std::move(message), fmt::format("add its address to network device \"{}\"", name)});
    }
    if (up) {
        ifinfomsg header = link_with(link->index);
        header.ifi_flags = header.ifi_change = IFF_UP;
        NetlinkMessage message{RTM_NEWLINK, 0};
        message.header(header);
        steps.push_back({std::move(message), fmt::format("set network device \"{}\" up", name)});
    }
    socket.batch(std::move(steps));
}

std::vector<NetDeviceLoan::Address> NetDeviceLoan::addresses_of(NetlinkSocket& socket, int index) {
    // How an address is to be used; the rest of the flags is what the kernel has found out about it.
    constexpr std::uint32_t kUse = IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS | IFA_F_MCAUTOJOIN;
    NetlinkMessage message{RTM_GETADDR, 0};
    message.header(ifaddrmsg{});
    std::vector<Address> result;
    const auto collect = [&](const nlmsghdr& answer) {
        const auto& header = family_header<ifaddrmsg>(answer);
        const std::string_view attributes = message_attributes(answer, sizeof(ifaddrmsg));
        const auto wide = find_attribute(attributes, IFA_FLAGS);
        const std::uint32_t flags = wide ? attribute_u32(*wide) : header.ifa_flags;
        // Link-local ones of IPv6 the kernel makes anew.
        const bool remade = header.ifa_family == AF_INET6 && header.ifa_scope == RT_SCOPE_LINK;
        if (header.ifa_index != static_cast<unsigned>(index) || remade) return;
        // Temporary ones are another's to renew, and those of a link or host mean nothing elsewhere.
        const bool lasts = (flags & IFA_F_PERMANENT) != 0;
        Address address{lasts && header.ifa_scope == RT_SCOPE_UNIVERSE, header, {}};
        address.header.ifa_flags = 0;
        for (const int type : {IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST, IFA_RT_PRIORITY, IFA_CACHEINFO})
            if (const auto content = find_attribute(attributes, type))
                address.attributes.emplace_back(type, *content);
        const std::uint32_t use = flags & kUse;
        address.attributes.emplace_back(IFA_FLAGS,
                                        std::string(reinterpret_cast<const char*>(&use), sizeof use));
        result.push_back(std::move(address));
    };
    socket.dump(std::move(message), collect, "list addresses");
    return result;
}

}  // namespace stack
