// A container's network namespace and its seats on bridges. Knows no project and no record.
#pragma once

#include "network/endpoint_namespace.hpp"
#include "network/ipam.hpp"
#include "network/links.hpp"
#include "network/network_spec.hpp"

#include <string>

namespace stack::network {

struct NewEndpoint {
    EndpointNamespace net;
    Links inside;  ///< a socket of the new namespace
};
/// A namespace with `lo`, unprivileged ping, and sockets that get what is sent to 127.0.0.11:53. `given`: set up this one, which
/// is as it was made; invalid: a new one. Throws Error.
NewEndpoint make_endpoint_namespace(UniqueFd given = {});

/// A seat and the bridge it is on.
struct BridgeSeat {
    int bridge_index = 0;
    std::string bridge;
    int mtu = 0;
    EndpointSpec seat;
};

/// Makes the pair between the bridge and the namespace. Throws Error.
void plug_in(Links& hub, int netns, const BridgeSeat& seat);
/// Addresses and sets up the pair's inner end, and waits until it sends. Throws Error.
void configure_inside(Links& inside, const BridgeSeat& seat);
/// True when the bridge passes on what the pair brings.
bool passes(Links& hub, const BridgeSeat& seat);

/// The pair's name in the hub, from the address: unique there, since networks of a hub don't overlap.
std::string veth_name(Ipv4 address);

}  // namespace stack::network
