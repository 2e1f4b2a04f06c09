#include "network/nft_ruleset.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::network {

namespace {

// Into a quoted string of nft's grammar, which has no escapes.
std::string quotable(const std::string& text) {
    std::string result;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '_' || c == '.';
        if (plain) result += c;
    }
    return result;
}

std::string elements(std::vector<std::string> items) {
    if (items.empty()) return "";
    std::sort(items.begin(), items.end());
    return fmt::format("\t\telements = {{ {} }}\n", join(items, ", "));
}

bool everywhere(const PublishedPort& port) {
    return port.host_ip.empty() || port.host_ip == "0.0.0.0";
}

// Which map a port is in, and its key there.
std::string fast_path_place(const std::string& table, const PublishedPort& port) {
    if (everywhere(port))
        return fmt::format("ip {} published_everywhere {{ {} . {}", table, port.protocol, port.host_port);
    return fmt::format("ip {} published {{ {} . {} . {}", table, port.protocol, port.host_ip, port.host_port);
}

}  // namespace

std::string host_ruleset(const HostRules& rules) {
    std::vector<std::string> sources{rules.link.text()};
    for (const Prefix& subnet : rules.subnets) sources.push_back(subnet.text());
    // "add, delete, add" in one transaction replaces the table whether or not it was there.
    return fmt::format(R"(add table ip {table}
delete table ip {table}
table ip {table} {{
	comment "stack project {project}"
	set subnets {{
		type ipv4_addr
		flags interval
{sources}	}}
	map published {{
		type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service
	}}
	map published_everywhere {{
		type inet_proto . inet_service : ipv4_addr . inet_service
	}}
	chain protect {{
		type filter hook prerouting priority raw
		iifname "{uplink}" ip saddr 127.0.0.0/8 drop
		iifname "{uplink}" ip daddr 127.0.0.0/8 drop
	}}
	chain from_this_host {{
		type nat hook output priority -100
		fib daddr type local dnat ip to meta l4proto . ip daddr . th dport map @published
		fib daddr type local dnat ip to meta l4proto . th dport map @published_everywhere
	}}
	chain only_replies_come_in {{
		type filter hook forward priority filter
		oifname "{uplink}" ct state established,related accept
		oifname "{uplink}" drop
	}}
	chain leave {{
		type nat hook postrouting priority srcnat
		oifname "{uplink}" ip saddr 127.0.0.0/8 masquerade
		oifname != "{uplink}" ip saddr @subnets masquerade
	}}
}}
)",
                       fmt::arg("table", rules.table), fmt::arg("project", quotable(rules.project)),
                       fmt::arg("uplink", rules.uplink), fmt::arg("sources", elements(std::move(sources))));
}

std::string remove_host_ruleset(const std::string& table) {
    return fmt::format("add table ip {0}\ndelete table ip {0}\n", table);
}

std::string add_host_subnet(const std::string& table, const Prefix& subnet) {
    return fmt::format("add element ip {} subnets {{ {} }}\n", table, subnet.text());
}

// Removals add first: deleting what a crash left unmade would be an error, and one transaction does both.
std::string remove_host_subnet(const std::string& table, const Prefix& subnet) {
    return add_host_subnet(table, subnet) +
           fmt::format("delete element ip {} subnets {{ {} }}\n", table, subnet.text());
}

std::string add_fast_path(const std::string& table, const PublishedPort& port, Ipv4 container) {
    return fmt::format("add element {} : {} . {} }}\n", fast_path_place(table, port), container.text(),
                       port.container_port);
}

std::string remove_fast_path(const std::string& table, const PublishedPort& port) {
    return fmt::format("delete element {} }}\n", fast_path_place(table, port));
}

std::string hub_ruleset(const std::string& uplink, const std::vector<HubBridge>& bridges) {
    std::vector<std::string> open;
    std::vector<std::string> translated;
    for (const HubBridge& bridge : bridges) {
        if (bridge.open) open.push_back(fmt::format("\"{}\"", bridge.name));
        if (bridge.open && bridge.translated) translated.push_back(bridge.subnet.text());
    }
    // What comes from the uplink was opened by the host itself (its own rules see to that). It enters a network
    // under the gateway's address, so that containers answer it whichever network holds their default route.
    return fmt::format(R"(table ip stack {{
	set open {{
		type ifname
{open}	}}
	set translated {{
		type ipv4_addr
		flags interval
{translated}	}}
	chain between_networks {{
		type filter hook forward priority filter
		policy drop
		ct state established,related accept
		iifname @open oifname "{uplink}" accept
		iifname "{uplink}" oifname @open accept
	}}
	chain leave {{
		type nat hook postrouting priority srcnat
		iifname "{uplink}" oifname @open masquerade
		oifname "{uplink}" ip saddr @translated masquerade
	}}
}}
)",
                       fmt::arg("uplink", uplink), fmt::arg("open", elements(std::move(open))),
                       fmt::arg("translated", elements(std::move(translated))));
}

namespace {
std::string hub_bridge_elements(const char* verb, const HubBridge& bridge) {
    std::string result;
    if (bridge.open) result += fmt::format("{} element ip stack open {{ \"{}\" }}\n", verb, bridge.name);
    if (bridge.open && bridge.translated)
        result += fmt::format("{} element ip stack translated {{ {} }}\n", verb, bridge.subnet.text());
    return result;
}
}  // namespace

std::string add_hub_bridge(const HubBridge& bridge) {
    return hub_bridge_elements("add", bridge);
}

std::string remove_hub_bridge(const HubBridge& bridge) {
    return hub_bridge_elements("add", bridge) + hub_bridge_elements("delete", bridge);
}

std::string accept_uplink_in_foreign_chain(const std::string& chain, const std::string& uplink) {
    return fmt::format(
        "insert rule ip filter {0} iifname \"{1}\" counter accept\n"
        "insert rule ip filter {0} oifname \"{1}\" counter accept\n",
        chain, uplink);
}

std::string remove_uplink_from_foreign_chain(const std::string& chain, const std::string& uplink,
                                             const std::string& listing) {
    constexpr std::string_view kHandle = "# handle ";
    const std::string name = fmt::format("\"{}\"", uplink);
    std::string result;
    for (const std::string& line : split(listing, '\n')) {
        const std::size_t handle = line.rfind(kHandle);
        if (line.find(name) == std::string::npos || handle == std::string::npos) continue;
        const std::optional<long long> number =
            parse_int(trim(std::string_view{line}.substr(handle + kHandle.size())));
        if (number) result += fmt::format("delete rule ip filter {} handle {}\n", chain, *number);
    }
    return result;
}

}  // namespace stack::network
