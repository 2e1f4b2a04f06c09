// The one fixed nft table in every container's namespace: queries to 127.0.0.11:53 reach the server's
// sockets, which sit on other ports, so that a container may bind 0.0.0.0:53 itself. Ports are rewritten
// without connection tracking, which would slow every packet of the container. Written as netlink messages by
// hand: libnftables would take longer for it than everything else that a container's network needs.
#pragma once

#include <cstdint>

namespace stack::network {

/// Installs the table in the calling thread's namespace. Throws Error.
void install_dns_redirect(std::uint16_t udp_port, std::uint16_t tcp_port);

}  // namespace stack::network
