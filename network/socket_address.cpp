#include "network/socket_address.hpp"

#include "runtime/base/error.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <cstring>

namespace stack::network {

std::optional<SocketAddress> SocketAddress::parse(const std::string& text, std::uint16_t port) {
    const bool brackets = text.size() > 2 && text.front() == '[' && text.back() == ']';
    const std::string host = brackets ? text.substr(1, text.size() - 2) : text;
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    // Numeric IPv4 has shorthands ("127.1") that only inet_pton refuses.
    in_addr ipv4{};
    const bool strict = host.find(':') != std::string::npos || ::inet_pton(AF_INET, host.c_str(), &ipv4) == 1;
    if (!strict || ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
        return std::nullopt;
    SocketAddress result;
    std::memcpy(&result.storage_, found->ai_addr, found->ai_addrlen);
    result.size_ = found->ai_addrlen;
    ::freeaddrinfo(found);
    return result;
}

SocketAddress SocketAddress::local_of(int socket) {
    SocketAddress result;
    socklen_t size = capacity();
    if (::getsockname(socket, result.fill(), &size) != 0) throw_errno("read a socket's address");
    result.resize(size);
    return result;
}

std::uint16_t SocketAddress::port() const {
    if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
}

}  // namespace stack::network
