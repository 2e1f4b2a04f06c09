// Values of networks.
#include "manager/compose/node_values.hpp"
#include "manager/compose/value_checks.hpp"
#include "manager/compose/value_forms.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

void check_in_subnet(NodeReporter& reporter, Node* value, std::string_view what, std::string_view subnet) {
    if (!is_usable(value) || !value->is_scalar()) return;
    const std::string_view address = value->text.substr(0, value->text.find('/'));
    if ((is_ipv4_address(address) || is_ipv6_address(address)) && !subnet_holds(subnet, address))
        reporter.fault(*value, fmt::format("{} {} is not in the subnet {}", what, value->text, subnet));
}

// What an item says of its subnet lies in it.
void check_subnets(NodeReporter& reporter, Node& list) {
    for (const Entry& entry : list.items()) {
        Node& item = *entry.value;
        const std::string subnet = member_text(item, "subnet");
        if (!is_cidr(subnet)) continue;
        check_in_subnet(reporter, item.find("gateway"), "the gateway", subnet);
        check_in_subnet(reporter, item.find("ip_range"), "the ip_range", subnet);
        if (Node* addresses = usable_member(item, "aux_addresses"))
            for (const Entry& address : addresses->items())
                check_in_subnet(reporter, address.value, "the address", subnet);
    }
}

}  // namespace

void add_network_checks(std::unordered_map<std::string_view, ValueCheck>& checks) {
    checks.insert({{"networks.*.ipam.config", check_subnets}});
}

}  // namespace stack::compose
