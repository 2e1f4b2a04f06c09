#include "network/host_side.hpp"

#include "network/links.hpp"
#include "network/namespace.hpp"
#include "network/nft_apply.hpp"
#include "network/nft_ruleset.hpp"
#include "runtime/base/error.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

namespace stack::network {

namespace {

// FNV-1a: names that stay the same from run to run, nothing more.
std::uint32_t hash_of(const std::string& text) {
    std::uint32_t hash = 2166136261u;
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
    return hash;
}

// Link-local, because it is nobody's LAN; away from 169.254.169.254 and its like. 4096 links of four addresses.
const Prefix kLinkRange = *Prefix::parse("169.254.64.0/18");
constexpr int kLinkLength = 30;
constexpr std::uint32_t kLinkCount = 4096;

Prefix choose_link(std::uint32_t start, const std::vector<Prefix>& taken) {
    for (std::uint32_t i = 0; i < kLinkCount; ++i) {
        const std::uint32_t slot = (start + i) % kLinkCount;
        const Prefix candidate{Ipv4{kLinkRange.address.value + slot * 4}, kLinkLength};
        const bool free = std::none_of(taken.begin(), taken.end(),
                                       [&](const Prefix& other) { return candidate.overlaps(other); });
        if (free) return candidate;
    }
    throw Error{ErrorKind::conflict, fmt::format("all link addresses in {} are taken", kLinkRange.text())};
}

void make_uplink(const HubRecord& record, int hub_namespace) {
    Links host;
    if (host.find(record.uplink)) return;
    VethOptions pair;
    pair.name = record.uplink;
    pair.peer_name = kHubUplink;
    pair.peer_namespace = hub_namespace;
    pair.up = false;
    host.create_veth(pair);
    host.configure({record.uplink, InterfaceAddress{host_address(record), kLinkLength}, std::nullopt});
    InterfaceSetup inside{kHubUplink, InterfaceAddress{hub_address(record), kLinkLength},
                          host_address(record)};
    Links hub = Links::in(hub_namespace);
    hub.configure(inside);
    hub.wait_ready(kHubUplink);
    host.wait_ready(record.uplink);
}

void set_uplink_options(const HubRecord& record) {
    // Connections from 127.0.0.1 leave by the uplink and their answers come back by it (fast path).
    write_sysctl(fmt::format("ipv4/conf/{}/route_localnet", record.uplink), "1");
    const std::string ipv6 = fmt::format("ipv6/conf/{}/disable_ipv6", record.uplink);
    if (!read_sysctl(ipv6).empty()) write_sysctl(ipv6, "1");
}

void turn_on_forwarding(std::vector<std::string>& notes) {
    if (read_sysctl("ipv4/ip_forward") != "0") return;
    write_sysctl("ipv4/ip_forward", "1");
    notes.emplace_back(
        "turned on net.ipv4.ip_forward so that containers reach other networks; it stays on afterwards");
}

bool filter_chain_mentions(Nft& nft, const std::string& chain, const std::string& uplink) {
    const std::optional<std::string> listing = nft.list(fmt::format("list chain ip filter {}\n", chain));
    return !listing || listing->find(fmt::format("\"{}\"", uplink)) != std::string::npos;
}

}  // namespace

HubRecord plan_host_side(const std::string& project, const std::string& seed,
                         const std::vector<HubRecord>& others) {
    Links host;
    HubRecord record;
    record.project = project;
    const auto used = [&](const std::string& uplink) {
        const bool recorded = std::any_of(others.begin(), others.end(),
                                          [&](const HubRecord& other) { return other.uplink == uplink; });
        return recorded || host.find(uplink).has_value();
    };
    std::uint32_t hash = hash_of(project + "\n" + seed);
    while (used(fmt::format("stk-{:08x}", hash))) hash = hash * 1664525u + 1013904223u;
    record.uplink = fmt::format("stk-{:08x}", hash);
    record.table = fmt::format("stack-{:08x}", hash);

    std::vector<Prefix> taken = host.routes();
    for (const HubRecord& other : others) taken.push_back(other.link);
    record.link = choose_link(hash % kLinkCount, taken);
    return record;
}

std::vector<std::string> find_foreign_chains(Nft& nft) {
    // Docker evaluates DOCKER-USER before anything else and never clears it; its FORWARD policy is DROP.
    if (nft.list("list chain ip filter DOCKER-USER\n")) return {"DOCKER-USER"};
    const std::optional<std::string> forward = nft.list("list chain ip filter FORWARD\n");
    if (forward && forward->find("policy drop") != std::string::npos) return {"FORWARD"};
    return {};
}

void ensure_host_side(Nft& nft, const HubRecord& record, int hub_namespace,
                      const std::vector<Prefix>& subnets, std::vector<std::string>& notes) {
    // Rules before links: nothing is reachable before it is protected.
    if (!nft.list(fmt::format("list chain ip {} protect\n", record.table))) {
        const HostRules rules{record.project, record.table, record.uplink, record.link, subnets};
        nft.apply(host_ruleset(rules), fmt::format("install nftables table {}", record.table));
    }
    for (const std::string& chain : record.foreign_chains) {
        if (filter_chain_mentions(nft, chain, record.uplink)) continue;
        nft.apply(accept_uplink_in_foreign_chain(chain, record.uplink),
                  fmt::format("add rules to {}", chain));
        notes.push_back(fmt::format("added accept rules for {} to chain {}", record.uplink, chain));
    }
    make_uplink(record, hub_namespace);
    set_uplink_options(record);
    for (const Prefix& subnet : subnets) add_host_route(record, subnet);
    turn_on_forwarding(notes);
}

void add_host_route(const HubRecord& record, const Prefix& subnet) {
    Links{}.add_route(subnet, hub_address(record), record.uplink);
}

void remove_host_route(const HubRecord& record, const Prefix& subnet) {
    Links{}.remove_route(subnet, hub_address(record), record.uplink);
}

void remove_host_side(const HubRecord& record) {
    std::exception_ptr first;
    const auto attempt = [&](const std::function<void()>& step) {
        try {
            step();
        } catch (...) {
            if (!first) first = std::current_exception();
        }
    };
    attempt([&] { Links{}.remove(record.uplink); });
    attempt([&] {
        Nft nft;
        attempt([&] {
            nft.apply(remove_host_ruleset(record.table), fmt::format("remove table {}", record.table));
        });
        for (const std::string& chain : record.foreign_chains) {
            attempt([&] {
                const std::optional<std::string> listing =
                    nft.list(fmt::format("list chain ip filter {}\n", chain));
                if (!listing) return;
                const std::string commands = remove_uplink_from_foreign_chain(chain, record.uplink, *listing);
                if (!commands.empty()) nft.apply(commands, fmt::format("remove rules from {}", chain));
            });
        }
    });
    if (first) std::rethrow_exception(first);
}

}  // namespace stack::network
