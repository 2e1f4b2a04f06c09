#include "network/ipam.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::network {

namespace {

constexpr std::uint32_t mask_of(int length) {
    return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
}

Error invalid(std::string message) {
    return Error{ErrorKind::invalid_input, std::move(message)};
}

Prefix parse_key(const std::string& network, const char* key, const std::string& text) {
    const std::optional<Prefix> prefix = Prefix::parse(text);
    if (prefix) return *prefix;
    Error error = invalid(fmt::format("network '{}': {} '{}' is no IPv4 prefix", network, key, text));
    if (const std::optional<Prefix> meant = Prefix::parse(text, true))
        error.with_hint(fmt::format("host bits must be zero: {}", meant->text()));
    throw error;
}

Ipv4 parse_address_in(const Prefix& subnet, const std::string& network, const char* key,
                      const std::string& text) {
    const std::optional<Ipv4> address = Ipv4::parse(text);
    if (!address) throw invalid(fmt::format("network '{}': {} '{}' is no IPv4 address", network, key, text));
    if (!subnet.contains(*address) || *address == subnet.first() || *address == subnet.last())
        throw invalid(
            fmt::format("network '{}': {} {} is no host address of {}", network, key, text, subnet.text()));
    return *address;
}

bool overlaps_any(const Prefix& prefix, const std::vector<Prefix>& others) {
    return std::any_of(others.begin(), others.end(),
                       [&](const Prefix& other) { return prefix.overlaps(other); });
}

}  // namespace

std::string Ipv4::text() const {
    return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
}

std::optional<Ipv4> Ipv4::parse(std::string_view text) {
    const std::vector<std::string> octets = split(text, '.');
    if (octets.size() != 4) return std::nullopt;
    Ipv4 result;
    for (const std::string& octet : octets) {
        const bool digits =
            std::all_of(octet.begin(), octet.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (octet.empty() || octet.size() > 3 || !digits || (octet.size() > 1 && octet[0] == '0'))
            return std::nullopt;
        const int number = std::stoi(octet);
        if (number > 255) return std::nullopt;
        result.value = result.value << 8 | static_cast<std::uint32_t>(number);
    }
    return result;
}

std::string Prefix::text() const {
    return fmt::format("{}/{}", address.text(), length);
}

Ipv4 Prefix::last() const {
    return Ipv4{address.value | ~mask_of(length)};
}

bool Prefix::contains(Ipv4 other) const {
    return (other.value & mask_of(length)) == address.value;
}

bool Prefix::overlaps(const Prefix& other) const {
    return length <= other.length ? contains(other.address) : other.contains(address);
}

std::optional<Prefix> Prefix::parse(std::string_view text, bool loose) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::optional<Ipv4> address = Ipv4::parse(text.substr(0, slash));
    const std::optional<long long> length = parse_int(text.substr(slash + 1));
    if (!address || !length || *length < 0 || *length > 32) return std::nullopt;
    Prefix result{*address, static_cast<int>(*length)};
    const std::uint32_t masked = address->value & mask_of(result.length);
    if (masked != address->value && !loose) return std::nullopt;
    result.address.value = masked;
    return result;
}

std::vector<Pool> default_pools() {
    return {
        {*Prefix::parse("10.208.0.0/12"), 22},
        {*Prefix::parse("172.24.0.0/13"), 22},
        {*Prefix::parse("192.168.128.0/17"), 24},
    };
}

Prefix choose_subnet(const std::vector<Pool>& pools, const std::vector<Prefix>& taken) {
    for (const Pool& pool : pools) {
        const std::uint64_t size = std::uint64_t{1} << (32 - pool.subnet_length);
        std::uint64_t start = pool.base.first().value;
        while (start + size - 1 <= pool.base.last().value) {
            const Prefix candidate{Ipv4{static_cast<std::uint32_t>(start)}, pool.subnet_length};
            const auto hit = std::find_if(taken.begin(), taken.end(),
                                          [&](const Prefix& other) { return candidate.overlaps(other); });
            if (hit == taken.end()) return candidate;
            // Past the obstacle at once: a route to a whole /8 is stepped over in one go.
            start = std::max(start + size, (std::uint64_t{hit->last().value} + size) / size * size);
        }
    }
    throw Error{ErrorKind::conflict, "no free subnet is left in the address pools"}.with_hint(
        "give the network a subnet under ipam.config, or configure more address pools");
}

NetworkSpec complete_network(NetworkSpec wanted, const std::vector<Pool>& pools,
                             const std::vector<Prefix>& siblings, const std::vector<Prefix>& taken) {
    Prefix subnet;
    if (wanted.subnet.empty()) {
        std::vector<Prefix> all = taken;
        all.insert(all.end(), siblings.begin(), siblings.end());
        subnet = choose_subnet(pools, all);
    } else {
        subnet = parse_key(wanted.name, "subnet", wanted.subnet);
        if (subnet.length < 8 || subnet.length > 29)
            throw invalid(fmt::format("network '{}': subnet {} must be between /8 and /29", wanted.name,
                                      wanted.subnet));
        if (overlaps_any(subnet, siblings))
            throw Error{ErrorKind::conflict,
                        fmt::format("network '{}': subnet {} overlaps another network of the project",
                                    wanted.name, wanted.subnet)};
    }
    wanted.subnet = subnet.text();
    if (wanted.gateway.empty()) wanted.gateway = Ipv4{subnet.first().value + 1}.text();
    parse_address_in(subnet, wanted.name, "gateway", wanted.gateway);
    if (!wanted.ip_range.empty()) {
        const Prefix range = parse_key(wanted.name, "ip_range", wanted.ip_range);
        if (!subnet.overlaps(range) || range.length < subnet.length)
            throw invalid(fmt::format("network '{}': ip_range {} lies outside {}", wanted.name,
                                      wanted.ip_range, wanted.subnet));
    }
    for (const std::string& reserved : wanted.reserved)
        parse_address_in(subnet, wanted.name, "aux_addresses", reserved);
    return wanted;
}

namespace {

struct AddressBook {
    Prefix subnet;
    Prefix range;
    std::set<Ipv4> unusable;
};

AddressBook address_book(const NetworkSpec& network, const std::set<Ipv4>& taken) {
    const std::optional<Prefix> subnet = Prefix::parse(network.subnet);
    const std::optional<Ipv4> gateway = Ipv4::parse(network.gateway);
    if (!subnet || !gateway)
        throw Error{ErrorKind::internal, fmt::format("network '{}' is not complete", network.name)};
    AddressBook book{*subnet, Prefix::parse(network.ip_range).value_or(*subnet), taken};
    book.unusable.insert(*gateway);
    book.unusable.insert(subnet->first());
    book.unusable.insert(subnet->last());
    for (const std::string& reserved : network.reserved) {
        if (const std::optional<Ipv4> address = Ipv4::parse(reserved)) book.unusable.insert(*address);
    }
    return book;
}

}  // namespace

Ipv4 choose_address(const NetworkSpec& network, const std::set<Ipv4>& taken, const std::string& wanted,
                    std::optional<Ipv4> start_after) {
    const AddressBook book = address_book(network, taken);
    if (!wanted.empty()) {
        const Ipv4 address = parse_address_in(book.subnet, network.name, "ipv4_address", wanted);
        if (wanted == network.gateway)
            throw invalid(fmt::format("network '{}': {} is the gateway's address", network.name, wanted));
        if (taken.contains(address))
            throw Error{ErrorKind::conflict,
                        fmt::format("network '{}': address {} is in use", network.name, wanted)};
        return address;
    }
    const std::uint64_t first = book.range.first().value;
    const std::uint64_t count = std::uint64_t{book.range.last().value} - first + 1;
    const bool resume = start_after && book.range.contains(*start_after);
    const std::uint64_t offset = resume ? start_after->value - first + 1 : 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Ipv4 candidate{static_cast<std::uint32_t>(first + (offset + i) % count)};
        if (!book.unusable.contains(candidate)) return candidate;
    }
    throw Error{ErrorKind::conflict,
                fmt::format("network '{}': no free address is left in {}", network.name, book.range.text())};
}

std::string mac_of(Ipv4 address) {
    return fmt::format("02:42:{:02x}:{:02x}:{:02x}:{:02x}", address.value >> 24, address.value >> 16 & 255,
                       address.value >> 8 & 255, address.value & 255);
}

}  // namespace stack::network
