// The rules, as text for nft: pure functions from values, compared with golden files. nft_apply hands them to
// the kernel. Nothing else in this project writes rules, save the fixed table in every container
// (dns_redirect). Grammar: nft(8).
#pragma once

#include "network/ipam.hpp"
#include "network/network_spec.hpp"

#include <string>
#include <vector>

namespace stack::network {

/// The host's side of a project: one table of its own.
struct HostRules {
    std::string project;          ///< goes into the table's comment
    std::string table;            ///< stack-1a2b3c4d
    std::string uplink;           ///< stk-1a2b3c4d
    Prefix link;                  ///< addresses of the uplink
    std::vector<Prefix> subnets;  ///< of networks that the host routes to and that may go out
    bool operator==(const HostRules&) const = default;
};
/// Replaces the table as a whole in one transaction.
std::string host_ruleset(const HostRules& rules);
std::string remove_host_ruleset(const std::string& table);
std::string add_host_subnet(const std::string& table, const Prefix& subnet);
std::string remove_host_subnet(const std::string& table, const Prefix& subnet);

/// Locally originated connections to a published port go straight to the container. `port.host_port` is set.
std::string add_fast_path(const std::string& table, const PublishedPort& port, Ipv4 container);
std::string remove_fast_path(const std::string& table, const PublishedPort& port);

/// The hub's side: which bridge may talk to what.
struct HubBridge {
    std::string name;
    Prefix subnet;
    bool open = true;         ///< false: internal network
    bool translated = false;  ///< the host has no route to it: goes out under the uplink's address
    bool operator==(const HubBridge&) const = default;
};
/// For a new hub: there is no table yet.
std::string hub_ruleset(const std::string& uplink, const std::vector<HubBridge>& bridges);
std::string add_hub_bridge(const HubBridge& bridge);
std::string remove_hub_bridge(const HubBridge& bridge);

/// Lets the uplink pass another program's forward chain (Docker's DOCKER-USER, or FORWARD with policy drop).
std::string accept_uplink_in_foreign_chain(const std::string& chain, const std::string& uplink);
/// What deletes those rules again, from the text of `nft -a list chain ip filter CHAIN`; empty when there are
/// none.
std::string remove_uplink_from_foreign_chain(const std::string& chain, const std::string& uplink,
                                             const std::string& listing);

}  // namespace stack::network
