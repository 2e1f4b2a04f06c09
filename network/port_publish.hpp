// Reservation of host ports: the socket that holds a published port is bound before anything starts, so a
// taken port is found early and its holder named. Serving it is port_proxy's work.
#pragma once

#include "network/network_spec.hpp"
#include "runtime/base/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace stack::network {

struct ReservedPort {
    PublishedPort port;  ///< host_port as bound
    UniqueFd
        socket;  ///< listening (tcp) or bound (udp), non-blocking; 0.0.0.0 is one socket for IPv4 and IPv6
};

/// Binds in the calling thread's namespace. `last` makes a range of host_port…last of which the first free
/// one is taken; host_port 0 takes any. Throws Error(conflict) naming the holder by pid and program where it
/// can be found, Error(invalid_input) for an address that is none or not this host's.
ReservedPort reserve_port(const PublishedPort& wanted, std::uint16_t last = 0);

/// Who holds a port of the calling thread's namespace, for messages.
struct PortHolder {
    pid_t pid = 0;
    std::string program;  ///< comm
};
std::optional<PortHolder> find_port_holder(const std::string& protocol, std::uint16_t port);

}  // namespace stack::network
