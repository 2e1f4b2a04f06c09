// A project's networks as plain values, addresses already chosen (ipam) or still to choose. No behaviour.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace stack::network {

/// One network of the project: a bridge in the hub.
struct NetworkSpec {
    std::string name;                   ///< real name, e.g. shop_default; unique on the host for this user
    std::string key;                    ///< key in the Compose file
    std::string subnet;                 ///< CIDR; empty: taken from the pools
    std::string gateway;                ///< first host address when empty
    std::string ip_range;               ///< CIDR for automatic addresses, empty: whole subnet
    std::vector<std::string> reserved;  ///< addresses kept out (aux_addresses)
    bool internal = false;              ///< no way out, no published ports
    int mtu = 0;                        ///< 0: the default
    bool operator==(const NetworkSpec&) const = default;
};

/// A container's seat on one network.
struct EndpointSpec {
    std::string network;    ///< NetworkSpec::name
    std::string interface;  ///< eth0, eth1, …
    std::string ip;         ///< IPv4 without prefix; empty before allocation
    int prefix_length = 0;
    std::string gateway;  ///< set on the endpoint that carries the default route, else empty
    std::string mac;      ///< empty: derived from the address
    std::vector<std::string>
        names;  ///< what DNS answers on this network: service, container name, aliases, short id
    bool operator==(const EndpointSpec&) const = default;
};

struct PublishedPort {
    std::string host_ip = "0.0.0.0";  ///< 0.0.0.0 means all IPv4 and IPv6 addresses
    std::uint16_t host_port = 0;      ///< 0: any free one
    std::string protocol = "tcp";     ///< tcp, udp
    std::uint16_t container_port = 0;
    bool operator==(const PublishedPort&) const = default;
};

}  // namespace stack::network
