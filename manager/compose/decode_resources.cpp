// Top-level networks, volumes, secrets and configs; and decode(), which puts a project together.
#include "manager/compose/decode_context.hpp"
#include "runtime/base/text.hpp"

#include <arpa/inet.h>

#include <fmt/format.h>

namespace stack::compose {

namespace {

struct External {
    bool external = false;
    std::string name;  // of the old form `external: {name: …}`
};

External decode_external(DecodeContext& context, const Node& map) {
    const Node* node = DecodeContext::member(map, "external");
    if (!node) return {};
    if (!node->is_mapping()) return {DecodeContext::boolean(node).value_or(false), {}};
    context.warning("obsolete-key", "external.name is obsolete", *node).hint =
        "write \"external: true\" and \"name:\"";
    return {true, DecodeContext::text(node->find("name")).value_or("")};
}

// What is not ours to make can't be configured here.
void only_name_with_external(DecodeContext& context, const Node& map, std::string_view what) {
    for (const Entry& entry : map.items()) {
        const std::string_view key = entry.key->text;
        if (key == "external" || key == "name" || key.starts_with("x-")) continue;
        context.error("conflict", fmt::format("{} is external, so {} can't be given", what, key), *entry.key)
            .hint = "only name may stand beside external";
    }
}

bool is_cidr(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos || !is_ip_address(text.substr(0, slash))) return false;
    const auto bits = parse_int(std::string_view{text}.substr(slash + 1));
    return bits && *bits >= 0 && *bits <= (text.find(':') == std::string::npos ? 32 : 128);
}

IpamConfig decode_ipam_config(DecodeContext& context, const Node& map) {
    IpamConfig config;
    const auto read = [&](std::string_view key, std::string& target, bool (*test)(const std::string&),
                          std::string_view wanted) {
        const Node* node = DecodeContext::member(map, key);
        if (!node) return;
        target = DecodeContext::text(node).value_or("");
        if (!test(target))
            context.error("value", fmt::format("{} \"{}\" is not {}", key, target, wanted), *node);
    };
    const auto is_address = [](const std::string& text) { return is_ip_address(text); };
    read("subnet", config.subnet, is_cidr, "a subnet such as 10.5.0.0/16");
    read("ip_range", config.ip_range, is_cidr, "a subnet such as 10.5.1.0/24");
    read("gateway", config.gateway, is_address, "an IP address");
    if (const Node* addresses = DecodeContext::member(map, "aux_addresses"))
        for (const Entry& entry : addresses->items()) {
            const std::string address = DecodeContext::text(entry.value).value_or("");
            if (!is_ip_address(address))
                context.error("value", fmt::format("\"{}\" is not an IP address", address), *entry.value);
            config.aux_addresses[std::string{entry.key->text}] = address;
        }
    return config;
}

void check_driver(DecodeContext& context, const Node* driver, std::string_view wanted,
                  std::string_view what) {
    if (!DecodeContext::usable(driver) || driver->text == wanted) return;
    context
        .error("not-supported", fmt::format("the {} driver \"{}\" is not supported yet", what, driver->text),
               *driver)
        .hint = fmt::format("\"{}\" is", wanted);
}

Network decode_network(DecodeContext& context, const Entry& entry) {
    Network network;
    network.key = entry.key->text;
    network.position = context.position(*entry.key);
    if (!DecodeContext::usable(entry.value)) return network;
    const Node& map = *entry.value;
    const External external = decode_external(context, map);
    network.external = external.external;
    network.name = DecodeContext::text(map.find("name")).value_or(external.name);
    if (network.external) only_name_with_external(context, map, fmt::format("network \"{}\"", network.key));
    network.internal = DecodeContext::boolean(map.find("internal")).value_or(false);
    network.labels = DecodeContext::labels(map.find("labels"));
    check_driver(context, map.find("driver"), "bridge", "network");
    if (const Node* ipam = DecodeContext::member(map, "ipam")) {
        check_driver(context, ipam->find("driver"), "default", "IPAM");
        if (const Node* configs = DecodeContext::member(*ipam, "config"))
            for (const Entry& item : configs->items())
                if (DecodeContext::usable(item.value))
                    network.ipam.push_back(decode_ipam_config(context, *item.value));
    }
    return network;
}

Volume decode_volume(DecodeContext& context, const Entry& entry) {
    Volume volume;
    volume.key = entry.key->text;
    volume.position = context.position(*entry.key);
    if (!DecodeContext::usable(entry.value)) return volume;
    const Node& map = *entry.value;
    const External external = decode_external(context, map);
    volume.external = external.external;
    volume.name = DecodeContext::text(map.find("name")).value_or(external.name);
    volume.labels = DecodeContext::labels(map.find("labels"));
    if (volume.external)
        only_name_with_external(context, map, fmt::format("volume \"{}\"", volume.key));
    else
        check_driver(context, map.find("driver"), "local", "volume");
    return volume;
}

FileSource decode_file_source(DecodeContext& context, const Entry& entry, std::string_view what) {
    FileSource source;
    source.key = entry.key->text;
    source.position = context.position(*entry.key);
    const bool is_config = what == "config";
    int sources = 0;
    bool broken = entry.value->broken;
    if (DecodeContext::usable(entry.value)) {
        const Node& map = *entry.value;
        source.name = DecodeContext::text(map.find("name")).value_or("");
        if (const Node* file = DecodeContext::member(map, "file")) {
            ++sources;
            source.file = context.absolute_path(file->text);
            source.position = context.position(*file);
        }
        if (const Node* environment = DecodeContext::member(map, "environment")) {
            ++sources;
            source.environment = environment->text;
        }
        if (const Node* content = DecodeContext::member(map, "content")) {
            ++sources;
            source.content = std::string{content->text};
        }
        for (const Entry& item : map.items()) broken = broken || item.value->broken;
    }
    if (sources != 1 && !broken)
        context
            .error("conflict",
                   fmt::format("{} \"{}\" has {} source", what, source.key,
                               sources == 0 ? "no" : "more than one"),
                   *entry.key)
            .hint =
            is_config ? "give one of file, environment and content" : "give one of file and environment";
    return source;
}

}  // namespace

void decode_resources(DecodeContext& context, const Node& root, Project& project) {
    const auto each = [&root](std::string_view key, auto&& decode_one) {
        const Node* map = DecodeContext::member(root, key);
        if (!map) return;
        for (const Entry& entry : map->items()) decode_one(entry);
    };
    each("networks",
         [&](const Entry& e) { project.networks[std::string{e.key->text}] = decode_network(context, e); });
    each("volumes",
         [&](const Entry& e) { project.volumes[std::string{e.key->text}] = decode_volume(context, e); });
    each("secrets", [&](const Entry& e) {
        project.secrets[std::string{e.key->text}] = decode_file_source(context, e, "secret");
    });
    each("configs", [&](const Entry& e) {
        project.configs[std::string{e.key->text}] = decode_file_source(context, e, "config");
    });
}

Decoded decode(const Tree& tree, const Node& root, const DecodeSettings& settings, Reporter& reporter) {
    Decoded decoded;
    DecodeContext context{tree, settings, reporter};
    decoded.project.working_dir = settings.project_directory;
    decode_resources(context, root, decoded.project);
    if (const Node* services = DecodeContext::member(root, "services")) {
        for (const Entry& entry : services->items()) {
            const std::string name{entry.key->text};
            decode_service(context, entry, decoded.project.services[name], decoded.env_files[name]);
        }
    }
    return decoded;
}

}  // namespace stack::compose
