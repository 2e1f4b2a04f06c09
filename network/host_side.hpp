// What a hub has on the host: the uplink, the rules in its own table and in other programs' forward chains, and IP
// forwarding. Works in the calling thread's namespace, from the hub's record alone. Rootless hubs do without it.
#pragma once

#include "network/ipam.hpp"
#include "network/network_store.hpp"

#include <string>
#include <vector>

namespace stack::network {

class Nft;

/// Name of the uplink inside every hub.
inline constexpr const char* kHubUplink = "uplink";

inline Ipv4 host_address(const HubRecord& record) {
    return Ipv4{record.link.address.value + 1};
}
inline Ipv4 hub_address(const HubRecord& record) {
    return Ipv4{record.link.address.value + 2};
}

/// Chooses uplink and table names and link addresses that no hub of the store and nothing on the host uses. `seed`
/// tells projects of different data roots apart. Touches nothing.
HubRecord plan_host_side(const std::string& project, const std::string& seed,
                         const std::vector<HubRecord>& others);

/// Makes what is missing: the pair, addresses, settings, table (with masquerading for `subnets`), routes to them,
/// forwarding. Adds to `notes` what it changed beyond its own objects. Rules in foreign chains are named in `record`
/// by find_foreign_chains and saved by the caller before this. Throws Error.
void ensure_host_side(Nft& nft, const HubRecord& record, int hub_namespace,
                      const std::vector<Prefix>& subnets, std::vector<std::string>& notes);

/// Chains of `table ip filter` that would drop what the hub forwards.
std::vector<std::string> find_foreign_chains(Nft& nft);

void add_host_route(const HubRecord& record, const Prefix& subnet);
void remove_host_route(const HubRecord& record, const Prefix& subnet);

/// Removes all of it; goes on after failures and throws the first Error at the end.
void remove_host_side(const HubRecord& record);

}  // namespace stack::network
