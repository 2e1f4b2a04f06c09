#include "manager/compose/decode.hpp"

#include "manager/compose/node_values.hpp"
#include "manager/compose/variables.hpp"

namespace stack::compose {

namespace {

bool is_external(const Node& resource) {
    return boolean_value(resource.find("external")).value_or(false);
}

Network decode_network(const Tree& tree, const Entry& entry) {
    const Node& map = *entry.value;
    Network network;
    network.key = entry.key->text;
    network.position = tree.position(*entry.key);
    network.name = member_text(map, "name");
    network.external = is_external(map);
    network.internal = boolean_value(map.find("internal")).value_or(false);
    network.labels = decode_texts(map.find("labels"));
    const Node* ipam = usable_member(map, "ipam");
    const Node* configs = ipam ? usable_member(*ipam, "config") : nullptr;
    if (!configs) return network;
    for (const Entry& item : configs->items())
        network.ipam.push_back({member_text(*item.value, "subnet"), member_text(*item.value, "gateway"),
                                member_text(*item.value, "ip_range"),
                                decode_texts(item.value->find("aux_addresses"))});
    return network;
}

Volume decode_volume(const Tree& tree, const Entry& entry) {
    Volume volume;
    volume.key = entry.key->text;
    volume.position = tree.position(*entry.key);
    volume.name = member_text(*entry.value, "name");
    volume.external = is_external(*entry.value);
    volume.labels = decode_texts(entry.value->find("labels"));
    return volume;
}

FileSource decode_source(const Tree& tree, const Entry& entry, const Variables& variables) {
    const Node* file = usable_member(*entry.value, "file");
    const Node* environment = usable_member(*entry.value, "environment");
    FileSource source;
    source.key = entry.key->text;
    source.position = tree.position(file ? *file : *entry.key);
    source.name = member_text(*entry.value, "name");
    source.file = member_text(*entry.value, "file");
    source.environment = member_text(*entry.value, "environment");
    source.content = text_value(entry.value->find("content"));
    if (!environment) return source;
    const auto& own = tree.file(environment->file).variables;
    const Variables& seen = own ? own->values : variables;
    if (const auto found = seen.find(source.environment); found != seen.end()) source.content = found->second;
    return source;
}

template <class Map, class Decode>
void decode_each(const Node& root, std::string_view kind, Map& target, Decode decode_one) {
    const Node* map = usable_member(root, kind);
    if (!map) return;
    for (const Entry& entry : map->items()) target[std::string{entry.key->text}] = decode_one(entry);
}

}  // namespace

void add_bridge_network(Project& project) {
    constexpr const char* kMode = "bridge";
    std::string key = kMode;
    while (project.networks.contains(key))
        key = "mode_" + key;  // the project may have a network of that name: another one
    for (auto* services : {&project.services, &project.disabled_services}) {
        for (auto& [name, service] : *services) {
            if (service.network_mode != kMode) continue;
            service.network_mode.clear();
            service.networks[key];
            Network& network = project.networks[key];
            if (!network.name.empty()) continue;
            network.key = key;
            network.name = project.name + "_" + key;
            network.position = service.position;
        }
    }
}

std::map<std::string, std::string> decode_texts(const Node* map) {
    std::map<std::string, std::string> texts;
    if (is_usable(map) && map->is_mapping())
        for (const Entry& entry : map->items())
            texts[std::string{entry.key->text}] = text_value(entry.value).value_or("");
    return texts;
}

Project decode(const Tree& tree, const Node& root, const Node& disabled, const Variables& variables) {
    Project project;
    const auto service = [&tree](const Entry& entry) { return decode_service(tree, entry); };
    decode_each(root, "services", project.services, service);
    for (const Entry& entry : disabled.items())
        project.disabled_services[std::string{entry.key->text}] = service(entry);
    decode_each(root, "networks", project.networks, [&](const Entry& e) { return decode_network(tree, e); });
    decode_each(root, "volumes", project.volumes, [&](const Entry& e) { return decode_volume(tree, e); });
    const auto source = [&](const Entry& entry) { return decode_source(tree, entry, variables); };
    decode_each(root, "secrets", project.secrets, source);
    decode_each(root, "configs", project.configs, source);
    return project;
}

}  // namespace stack::compose
