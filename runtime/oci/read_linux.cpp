// `linux` of config.json, without resources and seccomp.
#include "runtime/net_devices.hpp"
#include "runtime/oci/config_parts.hpp"
#include "runtime/oci/namespace_names.hpp"

#include <linux/personality.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::oci {

namespace {

std::vector<NamespaceSpec> read_namespaces(const JsonNode& list) {
    std::vector<NamespaceSpec> result;
    list.each([&](const JsonNode& entry) {
        const std::string type = entry["type"].required_text();
        const auto* known = std::find_if(kNamespaceNames.begin(), kNamespaceNames.end(),
                                         [&](const auto& name) { return name.first == type; });
        if (known == kNamespaceNames.end())
            entry["type"].fail(fmt::format("is \"{}\", which is no kind of namespace", type));
        NamespaceSpec ns{known->second, ""};
        if (const JsonNode path = entry["path"]; !path.text().empty()) ns.path = absolute_path(path);
        if (std::any_of(result.begin(), result.end(),
                        [&](const NamespaceSpec& other) { return other.kind == ns.kind; }))
            entry["type"].fail(fmt::format("names the {} namespace a second time", type));
        result.push_back(std::move(ns));
    });
    return result;
}

char device_type(const JsonNode& node, std::string_view allowed) {
    const std::string type = node.required_text();
    if (type.size() != 1 || allowed.find(type[0]) == std::string_view::npos)
        node.fail(fmt::format("is \"{}\", which is none of {}", type, allowed));
    return type[0] == 'u' ? 'c' : type[0];  // mknod(1)'s unbuffered character device
}

std::vector<DeviceSpec> read_devices(const JsonNode& list) {
    std::vector<DeviceSpec> result;
    list.each([&](const JsonNode& entry) {
        DeviceSpec device;
        device.path = absolute_path(entry["path"]);
        device.type = device_type(entry["type"], "cbup");
        if (device.type != 'p') {
            device.major = entry["major"].required_number<std::int64_t>();
            device.minor = entry["minor"].required_number<std::int64_t>();
        }
        device.mode = entry["fileMode"].number<std::uint32_t>().value_or(0666) & 07777;
        device.uid = entry["uid"].number<std::uint32_t>().value_or(0);
        device.gid = entry["gid"].number<std::uint32_t>().value_or(0);
        result.push_back(std::move(device));
    });
    return result;
}

std::map<std::string, TimeOffset> read_time_offsets(const JsonNode& node) {
    std::map<std::string, TimeOffset> result;
    node.each_member([&](const std::string& clock, const JsonNode& offset) {
        if (clock != "monotonic" && clock != "boottime")
            offset.fail("is for no clock that has offsets: those are monotonic and boottime");
        const TimeOffset value{offset["secs"].number<std::int64_t>().value_or(0),
                               offset["nanosecs"].number<std::uint32_t>().value_or(0)};
        if (value.nanoseconds >= 1'000'000'000) offset["nanosecs"].fail("is not below 1000000000");
        result.emplace(clock, value);
    });
    return result;
}

std::map<std::string, std::string> read_net_devices(const JsonNode& node) {
    std::map<std::string, std::string> result;
    node.each_member([&](const std::string& name, const JsonNode& device) {
        const std::string inside = device["name"].text();
        if (!is_net_device_name(name, false)) device.fail("does not have the name of a network device");
        if (!inside.empty() && !is_net_device_name(inside, true))
            device["name"].fail(fmt::format("is \"{}\", which is no name for a network device", inside));
        result.emplace(name, inside.empty() ? name : inside);
    });
    return result;
}

std::optional<std::uint64_t> read_personality(const JsonNode& node) {
    if (!node.present()) return std::nullopt;
    if (!node["flags"].texts().empty()) refuse(node["flags"], "the specification defines none yet");
    const std::string domain = node["domain"].required_text();
    if (domain == "LINUX") return PER_LINUX;
    if (domain == "LINUX32") return PER_LINUX32;
    node["domain"].fail(fmt::format("is \"{}\", which is neither LINUX nor LINUX32", domain));
}

std::string read_propagation(const JsonNode& node) {
    const std::string value = node.text();
    constexpr const char* kKnown[] = {"",       "private", "rprivate",   "slave",      "rslave",
                                      "shared", "rshared", "unbindable", "runbindable"};
    if (std::find(std::begin(kKnown), std::end(kKnown), value) == std::end(kKnown))
        node.fail(fmt::format("is \"{}\", which is no propagation", value));
    return value;
}

}  // namespace

void read_linux(const JsonNode& node, ContainerSpec& spec, Warnings& warnings) {
    spec.namespaces = read_namespaces(node["namespaces"]);
    spec.uid_mappings = read_id_mappings(node["uidMappings"]);
    spec.gid_mappings = read_id_mappings(node["gidMappings"]);
    spec.time_offsets = read_time_offsets(node["timeOffsets"]);
    spec.net_devices = read_net_devices(node["netDevices"]);
    spec.personality = read_personality(node["personality"]);
    spec.mount_label = node["mountLabel"].text();
    spec.devices = read_devices(node["devices"]);
    spec.cgroups_path = node["cgroupsPath"].text();
    spec.resources = read_resources(node["resources"], warnings);
    spec.seccomp = read_seccomp(node["seccomp"]);
    spec.sysctl = node["sysctl"].text_map();
    spec.masked_paths = node["maskedPaths"].texts();
    spec.readonly_paths = node["readonlyPaths"].texts();
    spec.root.propagation = read_propagation(node["rootfsPropagation"]);
    if (node["intelRdt"].present())
        refuse(node["intelRdt"], "cache and memory bandwidth allocation is not handled here; remove it");
    if (node["memoryPolicy"].present())
        refuse(node["memoryPolicy"], "use resources.cpu.mems to bind memory to nodes");
}

}  // namespace stack::oci
