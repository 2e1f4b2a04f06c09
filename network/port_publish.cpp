#include "network/port_publish.hpp"

#include "network/socket_address.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

namespace stack::network {

namespace {

bool everywhere(const std::string& host_ip) {
    return host_ip.empty() || host_ip == "0.0.0.0";
}

void set_option(const UniqueFd& socket, int level, int name, int value, const char* doing) {
    if (::setsockopt(socket.get(), level, name, &value, sizeof value) != 0) throw_errno(doing);
}

UniqueFd open_socket(const SocketAddress& address, bool tcp, bool dual) {
    const int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    UniqueFd socket{::socket(address.family(), type, 0)};
    if (!socket.valid()) return socket;
    if (address.family() == AF_INET6)
        set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, dual ? 0 : 1, "prepare socket for IPv6");
    if (tcp) {  // old connections in TIME_WAIT don't block the port; with UDP the option would share it
        set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, "prepare socket");
    } else {  // answers must leave from the address that was asked
        if (address.family() == AF_INET6)
            set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "prepare socket");
        if (address.family() == AF_INET) set_option(socket, IPPROTO_IP, IP_PKTINFO, 1, "prepare socket");
    }
    return socket;
}

// The bound socket; invalid with errno set when the kernel refuses.
UniqueFd try_bind(const SocketAddress& address, bool tcp, bool dual) {
    UniqueFd socket = open_socket(address, tcp, dual);
    if (!socket.valid()) return socket;
    // Bound but not listening would still let a second listener in between: both count.
    if (::bind(socket.get(), address.get(), address.size()) != 0) return {};
    if (tcp && ::listen(socket.get(), SOMAXCONN) != 0) return {};
    return socket;
}

// All addresses of both families by one socket; by IPv4 alone where the host has no IPv6.
UniqueFd try_bind_everywhere(std::uint16_t port, bool tcp) {
    UniqueFd socket = try_bind(*SocketAddress::parse("::", port), tcp, true);
    if (socket.valid() || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)) return socket;
    return try_bind(*SocketAddress::parse("0.0.0.0", port), tcp, false);
}

UniqueFd try_reserve(const PublishedPort& wanted, std::uint16_t port) {
    const bool tcp = wanted.protocol == "tcp";
    if (everywhere(wanted.host_ip)) return try_bind_everywhere(port, tcp);
    const std::optional<SocketAddress> address = SocketAddress::parse(wanted.host_ip, port);
    if (!address)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' is no IP address to publish on", wanted.host_ip)};
    return try_bind(*address, tcp, false);
}

std::string place(const PublishedPort& wanted, std::uint16_t port) {
    const std::string host = everywhere(wanted.host_ip) ? "" : fmt::format("{} ", wanted.host_ip);
    return fmt::format("{}port {}/{}", host, port, wanted.protocol);
}

Error refusal(const PublishedPort& wanted, std::uint16_t port, int err) {
    if (err == EADDRNOTAVAIL)
        return Error{ErrorKind::invalid_input, fmt::format("{} is no address of this host", wanted.host_ip)};
    if (err == EACCES)
        return Error::from_errno(err, fmt::format("publish {}", place(wanted, port)))
            .with_hint("ports below net.ipv4.ip_unprivileged_port_start need privileges");
    if (err != EADDRINUSE) return Error::from_errno(err, fmt::format("publish {}", place(wanted, port)));
    const std::optional<PortHolder> holder = find_port_holder(wanted.protocol, port);
    const std::string by = holder ? fmt::format(" by {} (pid {})", holder->program, holder->pid) : "";
    return Error{ErrorKind::conflict, fmt::format("{} is in use{}", place(wanted, port), by)};
}

std::uint16_t bound_port(const UniqueFd& socket) {
    return SocketAddress::local_of(socket.get()).port();
}

}  // namespace

ReservedPort reserve_port(const PublishedPort& wanted, std::uint16_t last) {
    if (wanted.protocol != "tcp" && wanted.protocol != "udp")
        throw Error{ErrorKind::not_supported, fmt::format("publishing {} ports", wanted.protocol)};
    const std::uint32_t end = std::max(wanted.host_port, last);
    for (std::uint32_t port = wanted.host_port; port <= end; ++port) {
        ReservedPort result{wanted, try_reserve(wanted, static_cast<std::uint16_t>(port))};
        const int err = errno;
        if (result.socket.valid()) {
            result.port.host_port = bound_port(result.socket);
            return result;
        }
        const bool try_next = err == EADDRINUSE && port < end;
        if (!try_next && (err != EADDRINUSE || end == wanted.host_port))
            throw refusal(wanted, static_cast<std::uint16_t>(port), err);
    }
    throw Error{ErrorKind::conflict,
                fmt::format("all of ports {}-{}/{} are in use", wanted.host_port, end, wanted.protocol)};
}

namespace {

// Inodes of sockets bound to `port`, from one of /proc/net's tables (proc(5)): the second column is the local
// address, the fourth the state (0A: listening), the tenth the inode.
void collect_inodes(const std::string& table, std::uint16_t port, bool listening_only,
                    std::set<std::string>& inodes) {
    const std::optional<std::string> text = read_file_if_exists(table);
    if (!text) return;
    const std::string suffix = fmt::format(":{:04X}", port);
    for (const std::string& line : split(*text, '\n')) {
        std::vector<std::string> columns;
        for (std::string& word : split(line, ' ')) {
            if (!word.empty()) columns.push_back(std::move(word));
        }
        if (columns.size() < 10 || !columns[1].ends_with(suffix)) continue;
        if (listening_only && columns[3] != "0A") continue;
        inodes.insert(columns[9]);
    }
}

bool holds_any(const std::string& process, const std::set<std::string>& links) {
    const std::string directory = fmt::format("/proc/{}/fd", process);
    std::array<char, 64> target{};
    try {
        for (const std::string& fd : list_directory(directory)) {
            const ssize_t size =
                ::readlink(fmt::format("{}/{}", directory, fd).c_str(), target.data(), target.size());
            if (size > 0 && links.contains(std::string(target.data(), static_cast<std::size_t>(size))))
                return true;
        }
    } catch (const Error&) {  // gone meanwhile, or not ours to look into
    }
    return false;
}

}  // namespace

std::optional<PortHolder> find_port_holder(const std::string& protocol, std::uint16_t port) {
    std::set<std::string> inodes;
    for (const char* family : {"", "6"})
        collect_inodes(fmt::format("/proc/thread-self/net/{}{}", protocol, family), port, protocol == "tcp",
                       inodes);
    std::set<std::string> links;
    for (const std::string& inode : inodes) links.insert(fmt::format("socket:[{}]", inode));
    if (links.empty()) return std::nullopt;
    for (const std::string& process : list_directory("/proc")) {
        const std::optional<long long> pid = parse_int(process);
        if (!pid || !holds_any(process, links)) continue;
        const std::optional<std::string> name = read_file_if_exists(fmt::format("/proc/{}/comm", process));
        return PortHolder{static_cast<pid_t>(*pid), std::string{trim(name.value_or("?"))}};
    }
    return std::nullopt;
}

}  // namespace stack::network
