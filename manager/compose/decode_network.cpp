// services.*: ports, expose, networks, extra_hosts.
#include "manager/compose/decode_context.hpp"
#include "manager/compose/scalar.hpp"
#include "runtime/base/text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace stack::compose {

namespace {

// The long form says what the short one says; it is put together as text and read once, by the same rules.
std::optional<std::vector<Port>> long_port(DecodeContext& context, const Node& map) {
    const auto target = DecodeContext::text(map.find("target"));
    if (!target) {
        if (const Node* broken = map.find("target"); !broken || !broken->broken)
            context.error("value", "a port needs a target", map).hint =
                "target is the port inside the container";
        return std::nullopt;
    }
    const auto address = DecodeContext::text(map.find("host_ip"));
    const auto published = DecodeContext::text(map.find("published"));
    const auto protocol = DecodeContext::text(map.find("protocol"));
    if (address && !address->empty() && !is_ip_address(*address)) {
        context.error("value", fmt::format("\"{}\" is not an IP address", *address), *map.find("host_ip"));
        return std::nullopt;
    }
    std::string text = address && !address->empty() ? fmt::format("[{}]:", *address) : "";
    if (!text.empty() || (published && !published->empty())) text += published.value_or("") + ":";
    text += *target;
    if (protocol) text += "/" + *protocol;
    Parsed<std::vector<Port>> parsed = parse_ports(text);
    const auto* ports = context.accept(parsed, map);
    if (!ports) return std::nullopt;
    std::vector<Port> result = *ports;
    for (Port& port : result) {
        port.mode = DecodeContext::text(map.find("mode")).value_or("ingress");
        port.name = DecodeContext::text(map.find("name")).value_or("");
        port.app_protocol = DecodeContext::text(map.find("app_protocol")).value_or("");
    }
    if (const Node* mode = DecodeContext::member(map, "mode"))
        context.check_word(*mode, {"ingress", "host"}, "mode");
    return result;
}

bool is_ipv4(const std::string& text) {
    struct in_addr address {};
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

}  // namespace

std::vector<Port> decode_ports(DecodeContext& context, const Node& list) {
    std::vector<Port> result;
    std::set<std::tuple<std::string, std::string, std::uint16_t, std::string>> seen;
    for (const Entry& entry : list.items()) {
        const Node& item = *entry.value;
        if (!DecodeContext::usable(&item)) continue;
        std::optional<std::vector<Port>> ports;
        if (item.is_mapping()) {
            ports = long_port(context, item);
        } else {
            Parsed<std::vector<Port>> parsed = parse_ports(scalar_text(item));
            if (auto* accepted = context.accept(parsed, item)) ports = std::move(*accepted);
        }
        if (!ports) continue;
        for (Port& port : *ports) {
            const std::string address = port.host_ip.empty() ? "0.0.0.0" : port.host_ip;
            if (!seen.emplace(address, port.published, port.target, port.protocol).second) continue;
            port.position = context.position(item);
            result.push_back(std::move(port));
        }
    }
    return result;
}

std::vector<std::string> decode_expose(DecodeContext& context, const Node& list) {
    std::vector<std::string> result;
    for (const Entry& entry : list.items()) {
        const auto text = DecodeContext::text(entry.value);
        if (!text) continue;
        Parsed<std::string> parsed = parse_exposed_port(*text);
        const std::string* port = context.accept(parsed, *entry.value);
        if (port && std::find(result.begin(), result.end(), *port) == result.end()) result.push_back(*port);
    }
    return result;
}

std::vector<std::pair<std::string, std::string>> decode_extra_hosts(DecodeContext& context,
                                                                    const Node& node) {
    std::vector<std::pair<std::string, std::string>> result;
    const auto add = [&](const std::string& text, const Node& where) {
        auto parsed = parse_extra_host(text);
        const auto* hosts = context.accept(parsed, where);
        if (!hosts) return;
        for (const auto& host : *hosts)
            if (std::find(result.begin(), result.end(), host) == result.end()) result.push_back(host);
    };
    for (const Entry& entry : node.items()) {
        if (!DecodeContext::usable(entry.value)) continue;
        if (!entry.key)
            add(std::string{entry.value->text}, *entry.value);
        else
            for (const std::string& address : DecodeContext::strings(entry.value))
                add(fmt::format("{}={}", entry.key->text, address), *entry.value);
    }
    return result;
}

void decode_attachments(DecodeContext& context, const Node& node, Service& service) {
    for (const Entry& entry : node.items()) {
        const Node& name = entry.key ? *entry.key : *entry.value;
        if (name.broken) continue;
        NetworkAttachment attachment;
        if (entry.key && DecodeContext::usable(entry.value)) {
            const Node& map = *entry.value;
            for (const std::string& alias : DecodeContext::strings(map.find("aliases")))
                if (std::find(attachment.aliases.begin(), attachment.aliases.end(), alias) ==
                    attachment.aliases.end())
                    attachment.aliases.push_back(alias);
            attachment.ipv4_address = DecodeContext::text(map.find("ipv4_address")).value_or("");
            if (!attachment.ipv4_address.empty() && !is_ipv4(attachment.ipv4_address))
                context.error("value", fmt::format("\"{}\" is not an IPv4 address", attachment.ipv4_address),
                              *map.find("ipv4_address"));
            attachment.priority =
                context.integer_in(map.find("priority"), -1'000'000, 1'000'000, "priority").value_or(0);
        }
        service.positions[fmt::format("networks.{}", name.text)] = context.position(name);
        service.networks[std::string{name.text}] = std::move(attachment);
    }
}

}  // namespace stack::compose
