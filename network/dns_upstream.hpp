// Asks other DNS servers, verbatim: whatever the client put into its query goes out and whatever comes back returns,
// under another id and from a socket of its own (so a forged answer must guess port and id).
#pragma once

#include "network/socket_address.hpp"
#include "runtime/base/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::network {

/// The host's resolvers, read again when the file has changed.
class HostResolvers {
  public:
    explicit HostResolvers(std::string path) : path_{std::move(path)} {}
    const std::vector<std::string>& addresses();

  private:
    std::string path_;
    std::int64_t changed_ns_ = -1;
    std::uint64_t inode_ = 0;
    std::vector<std::string> addresses_;
};

using DnsBytes = std::vector<std::uint8_t>;

/// The first answer that one of `servers` gives to `query`, under the query's id; each is asked up to twice
/// and has `patience` for each answer. A truncated answer is asked for again over TCP. nullopt when nobody answers.
Task<std::optional<DnsBytes>> ask_upstream(EventLoop& loop, std::vector<SocketAddress> servers,
                                           DnsBytes query, bool over_tcp, std::chrono::milliseconds patience);

}  // namespace stack::network
