// services.*.ports: one map for each published port.
#include "manager/compose/canonical_values.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/scalar.hpp"

#include <map>
#include <tuple>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class PortList {
  public:
    PortList(const CanonicalContext& context, const Node& where)
        : context_{context}, list_{context.instead_of(where, NodeKind::sequence)} {}

    void add(Node& item) {
        if (item.is_opaque()) {
            context_.tree.append(*list_, {nullptr, &item});
        } else if (item.is_mapping()) {
            add_long(item);
        } else {
            Parsed<std::vector<Port>> parsed = parse_ports(scalar_text(item));
            add_parsed(parsed, item, nullptr);
        }
    }
    Node* take() { return list_; }

  private:
    // The long form says what the short one says; it is put together as text and read once, by the same rules.
    void add_long(Node& map) {
        for (const Entry& entry : map.items())
            if (entry.value->is_opaque()) {
                context_.tree.append(*list_, {nullptr, &map});
                return;
            }
        const std::string target = member_text(map, "target");
        if (target.empty()) {
            context_.reporter.fault(map, "a port needs a target").hint =
                "target is the port inside the container";
            return;
        }
        const std::string address = member_text(map, "host_ip"), published = member_text(map, "published"),
                          protocol = member_text(map, "protocol");
        if (!address.empty() && !is_ip_address(address)) {
            context_.reporter.fault(*map.find("host_ip"),
                                    fmt::format("\"{}\" is not an IP address", address));
            return;
        }
        std::string text = address.empty() ? "" : fmt::format("[{}]:", address);
        if (!text.empty() || !published.empty()) text += published + ":";
        text += target;
        if (!protocol.empty()) text += "/" + protocol;
        Parsed<std::vector<Port>> parsed = parse_ports(text);
        add_parsed(parsed, map, &map);
    }

    void add_parsed(Parsed<std::vector<Port>>& parsed, Node& item, const Node* long_form) {
        const auto* ports = context_.reporter.accept(parsed, item);
        if (!ports) return;
        for (const Port& port : *ports) {
            const std::string address = port.host_ip.empty() ? "0.0.0.0" : port.host_ip;
            Node* map = map_of(port, item, long_form);
            const auto [place, is_new] =
                places_.try_emplace({address, port.published, port.target, port.protocol}, list_->count);
            if (is_new) {
                context_.tree.append(*list_, {nullptr, map});
                continue;
            }
            Node*& earlier = list_->entries[place->second].value;
            if (!map->replaced) map->replaced = earlier;
            earlier = map;
        }
    }

    // What the long form says beside the four that make a port stays as it is.
    Node* map_of(const Port& port, const Node& item, const Node* long_form) {
        Node* map = context_.instead_of(item, NodeKind::mapping);
        if (long_form)
            for (const Entry& entry : long_form->items()) context_.tree.append(*map, entry);
        context_.set_default(*map, "mode", context_.text("ingress", item));
        const Node* target = long_form ? long_form->find("target") : nullptr;
        context_.tree.set(*map, "target",
                          context_.plain(std::to_string(port.target), target ? *target : item));
        set(*map, "published", port.published, item);
        set(*map, "host_ip", port.host_ip, item);
        set(*map, "protocol", port.protocol, item);
        return map;
    }

    void set(Node& map, std::string_view key, const std::string& value, const Node& item) {
        const Node* before = map.find(key);
        if (value.empty())
            Tree::remove(map, key);
        else
            context_.tree.set(map, key, context_.text(value, before ? *before : item));
    }

    const CanonicalContext& context_;
    Node* list_;
    // Where each port stands in the list: a later one takes the place of an equal one.
    std::map<std::tuple<std::string, std::string, std::uint16_t, std::string>, std::uint32_t> places_;
};

}  // namespace

Node* ports_form(const CanonicalContext& context, Node& list) {
    PortList ports{context, list};
    for (const Entry& entry : list.items()) ports.add(*entry.value);
    return ports.take();
}

}  // namespace stack::compose
