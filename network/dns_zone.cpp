#include "network/dns_zone.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::network::dns {

namespace {

// Short, because addresses change when containers are made anew, and asking again costs nothing.
constexpr std::uint32_t kTtlSeconds = 10;

Response response_to(const Query& query, Code code = Code::no_error) {
    Response response;
    response.query = query;
    response.code = code;
    return response;
}

// 4.3.2.10.in-addr.arpa asks for 10.2.3.4.
std::optional<Ipv4> address_in_pointer(const std::string& name) {
    constexpr std::string_view kSuffix = ".in-addr.arpa";
    if (!name.ends_with(kSuffix)) return std::nullopt;
    std::vector<std::string> octets = split(name.substr(0, name.size() - kSuffix.size()), '.');
    std::reverse(octets.begin(), octets.end());
    return Ipv4::parse(join(octets, "."));
}

void shuffle(std::vector<Ipv4>& addresses, const Random& random) {
    for (std::size_t i = addresses.size(); i > 1; --i) std::swap(addresses[i - 1], addresses[random(i)]);
}

}  // namespace

void Zone::set(const std::string& owner, const std::vector<EndpointSpec>& seats) {
    remove(owner);
    for (const EndpointSpec& seat : seats) {
        const std::optional<Ipv4> address = Ipv4::parse(seat.ip);
        if (!address) continue;
        Network& network = networks_[seat.network];
        std::set<std::string> names;  // a name said twice is one name
        for (const std::string& name : seat.names) names.insert(to_lower(name));
        for (const std::string& name : names) network.by_name.emplace(name, Seat{owner, *address});
        if (!seat.names.empty()) network.name_by_address[*address] = seat.names.front();
        own_names_.merge(names);
    }
}

void Zone::remove(const std::string& owner) {
    for (auto& [name, network] : networks_) {
        for (const auto& [key, seat] : network.by_name) {
            if (seat.owner == owner) network.name_by_address.erase(seat.address);
        }
        std::erase_if(network.by_name, [&](const auto& entry) { return entry.second.owner == owner; });
    }
    std::erase_if(networks_, [](const auto& entry) { return entry.second.by_name.empty(); });
}

void Zone::reserve(const std::vector<std::string>& names) {
    for (const std::string& name : names) own_names_.insert(to_lower(name));
}

std::vector<Ipv4> Zone::addresses(const std::string& name, const Asker& asker) const {
    std::set<Ipv4> found;
    for (const std::string& seat : asker.networks) {
        const auto network = networks_.find(seat);
        if (network == networks_.end()) continue;
        const auto [first, last] = network->second.by_name.equal_range(name);
        for (auto entry = first; entry != last; ++entry) found.insert(entry->second.address);
    }
    return {found.begin(), found.end()};
}

std::optional<Response> Zone::answer_pointer(const Query& query, const Asker& asker) const {
    const std::optional<Ipv4> address = address_in_pointer(to_lower(query.question.name));
    if (!address) return std::nullopt;
    for (const std::string& seat : asker.networks) {
        const auto network = networks_.find(seat);
        if (network == networks_.end()) continue;
        const auto name = network->second.name_by_address.find(*address);
        if (name == network->second.name_by_address.end()) continue;
        Response response = response_to(query);
        Ptr pointer{fmt::format("{}.{}", name->second, seat)};
        response.answers.push_back(Record{query.question.name, Type::ptr, kTtlSeconds, std::move(pointer)});
        return response;
    }
    return std::nullopt;
}

std::optional<Response> Zone::answer(const Query& query, const Asker& asker, const Random& random) const {
    const Question& question = query.question;
    if (question.klass != kClassIn && question.klass != static_cast<std::uint16_t>(Type::any))
        return std::nullopt;
    if (question.type == Type::ptr) return answer_pointer(query, asker);

    std::string name = to_lower(question.name);
    Asker scope = asker;
    for (const std::string& network : asker.networks) {  // web.shop_default: that network alone
        const std::string suffix = "." + to_lower(network);
        if (!name.ends_with(suffix) || name.size() == suffix.size()) continue;
        name.resize(name.size() - suffix.size());
        scope.networks = {network};
        break;
    }
    std::vector<Ipv4> found = addresses(name, scope);
    if (found.empty()) {
        if (!own_names_.contains(name)) return std::nullopt;
        return response_to(query, Code::name_error);
    }
    Response response = response_to(query);
    if (question.type != Type::a && question.type != Type::any) return response;
    shuffle(found, random);
    for (const Ipv4 address : found)
        response.answers.push_back(Record{question.name, Type::a, kTtlSeconds, address});
    return response;
}

}  // namespace stack::network::dns
