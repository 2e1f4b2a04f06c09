// A container's network namespace and its seats on bridges. Knows no project and no record.
#pragma once

#include "network/ipam.hpp"
#include "network/network_spec.hpp"
#include "runtime/base/fd.hpp"

#include <string>

namespace stack::network {

class Links;

/// A container's network: what must outlive the process that made it. The keeper holds duplicates of all three.
struct EndpointNamespace {
    UniqueFd netns;    ///< the container process enters it
    UniqueFd dns_udp;  ///< bound to 127.0.0.11 inside; queries to port 53 are redirected there
    UniqueFd dns_tcp;  ///< listening
};

/// A namespace with `lo`, unprivileged ping, and sockets that get what is sent to 127.0.0.11:53. Throws Error.
EndpointNamespace make_endpoint_namespace();

/// The bridge that a seat joins.
struct BridgeSeat {
    int bridge_index = 0;
    std::string bridge;
    int mtu = 0;
    EndpointSpec seat;
};

/// Makes the pair between bridge and namespace and configures its inner end. `hub` and `inside` are sockets of the
/// two namespaces. Throws Error.
void join_bridge(Links& hub, Links& inside, int netns, const BridgeSeat& seat);

/// The pair's name in the hub, from the address: unique there, since networks of a hub don't overlap.
std::string veth_name(Ipv4 address);

}  // namespace stack::network
