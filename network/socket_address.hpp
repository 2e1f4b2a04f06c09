// An IPv4 or IPv6 address with a port, as the socket calls want it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace stack::network {

class SocketAddress {
  public:
    SocketAddress() = default;
    /// Numeric addresses only, IPv6 with or without brackets and zone.
    static std::optional<SocketAddress> parse(const std::string& text, std::uint16_t port);
    /// The local address of a socket. Throws Error.
    static SocketAddress local_of(int socket);

    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
    /// For calls that fill an address in: storage of `capacity` bytes, then `resize` to what they said.
    [[nodiscard]] sockaddr* fill() { return reinterpret_cast<sockaddr*>(&storage_); }
    static constexpr socklen_t capacity() { return sizeof(sockaddr_storage); }
    void resize(socklen_t size) { size_ = size; }

    [[nodiscard]] socklen_t size() const { return size_; }
    [[nodiscard]] int family() const { return storage_.ss_family; }
    [[nodiscard]] std::uint16_t port() const;
    /// The bytes that tell peers apart, as a map's key.
    [[nodiscard]] std::string key() const { return {reinterpret_cast<const char*>(&storage_), size_}; }

  private:
    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

}  // namespace stack::network
