// IPv4 prefixes, and the choice of subnets and addresses. Pure: what is taken comes in as values.
#pragma once

#include "network/network_spec.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace stack::network {

/// An IPv4 address in host byte order.
struct Ipv4 {
    std::uint32_t value = 0;
    auto operator<=>(const Ipv4&) const = default;
    [[nodiscard]] std::string text() const;
    /// Four decimal octets without leading zeros; nullopt on anything else.
    static std::optional<Ipv4> parse(std::string_view text);
};

/// A network address with its length; the host bits are zero.
struct Prefix {
    Ipv4 address;
    int length = 32;
    auto operator<=>(const Prefix&) const = default;
    [[nodiscard]] std::string text() const;
    [[nodiscard]] Ipv4 first() const { return address; }
    [[nodiscard]] Ipv4 last() const;
    [[nodiscard]] bool contains(Ipv4 other) const;
    [[nodiscard]] bool overlaps(const Prefix& other) const;
    /// `10.0.0.0/24`; host bits must be zero unless `loose`, which clears them. nullopt when malformed.
    static std::optional<Prefix> parse(std::string_view text, bool loose = false);
};

/// A range that subnets of one size are cut from.
struct Pool {
    Prefix base;
    int subnet_length = 24;
    bool operator==(const Pool&) const = default;
};

/// Ranges that are rare on LANs first; each network gets room for about a thousand containers.
std::vector<Pool> default_pools();

/// The first subnet of the pools that overlaps nothing in `taken`. Throws Error(conflict) when all are taken.
Prefix choose_subnet(const std::vector<Pool>& pools, const std::vector<Prefix>& taken);

/// Checks the addresses of `wanted` and fills in subnet (from the pools, when empty) and gateway.
/// Throws Error(invalid_input) naming the key at fault, Error(conflict) when an explicit subnet overlaps one
/// of `siblings` (networks of the same project).
NetworkSpec complete_network(NetworkSpec wanted, const std::vector<Pool>& pools,
                             const std::vector<Prefix>& siblings, const std::vector<Prefix>& taken);

/// An address of the completed `network`: `wanted`, or, when that is empty, the first free one of ip_range
/// (else of the subnet) at or after `start_after`, wrapping around. Throws Error(invalid_input) when `wanted`
/// lies outside or is the gateway, Error(conflict) when it is taken or nothing is free.
Ipv4 choose_address(const NetworkSpec& network, const std::set<Ipv4>& taken, const std::string& wanted,
                    std::optional<Ipv4> start_after = std::nullopt);

/// 02:42 and the four octets, as Docker does: locally administered and unique on its bridge.
std::string mac_of(Ipv4 address);

}  // namespace stack::network
