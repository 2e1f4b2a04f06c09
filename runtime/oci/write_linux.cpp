// `linux` as config.json has it.
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/json_members.hpp"
#include "runtime/oci/namespace_names.hpp"

#include <linux/personality.h>

#include <algorithm>

#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using Json = nlohmann::ordered_json;

Json namespaces_json(const std::vector<NamespaceSpec>& namespaces) {
    Json list = Json::array();
    for (const NamespaceSpec& ns : namespaces) {
        Json entry = Json::object();
        for (const auto& [name, kind] : kNamespaceNames)
            if (kind == ns.kind) entry["type"] = name;
        put(entry, "path", ns.path);
        list.push_back(std::move(entry));
    }
    return list;
}

Json devices_json(const std::vector<DeviceSpec>& devices) {
    Json list = Json::array();
    for (const DeviceSpec& device : devices) {
        Json entry = Json::object();
        entry["path"] = device.path;
        entry["type"] = std::string(1, device.type);
        if (device.type != 'p') {
            entry["major"] = device.major;
            entry["minor"] = device.minor;
        }
        entry["fileMode"] = device.mode;
        entry["uid"] = device.uid;
        entry["gid"] = device.gid;
        list.push_back(std::move(entry));
    }
    return list;
}

Json time_offsets_json(const std::map<std::string, TimeOffset>& offsets) {
    Json object = Json::object();
    for (const auto& [clock, offset] : offsets) {
        object[clock] = Json::object();
        put_nonzero(object[clock], "secs", offset.seconds);
        put_nonzero(object[clock], "nanosecs", offset.nanoseconds);
    }
    return object;
}

Json net_devices_json(const std::map<std::string, std::string>& devices) {
    Json object = Json::object();
    for (const auto& [outside, inside] : devices) {
        object[outside] = Json::object();
        if (inside != outside) object[outside]["name"] = inside;
    }
    return object;
}

}  // namespace

Json linux_json(const ContainerSpec& spec) {
    Json object = Json::object();
    put(object, "uidMappings", id_mappings_json(spec.uid_mappings));
    put(object, "gidMappings", id_mappings_json(spec.gid_mappings));
    put(object, "sysctl", spec.sysctl);
    put(object, "resources", resources_json(spec.resources));
    put(object, "cgroupsPath", spec.cgroups_path);
    put(object, "namespaces", namespaces_json(spec.namespaces));
    put(object, "devices", devices_json(spec.devices));
    put(object, "netDevices", net_devices_json(spec.net_devices));
    if (spec.seccomp.profile) object["seccomp"] = seccomp_json(*spec.seccomp.profile);
    put(object, "rootfsPropagation", spec.root.propagation);
    put(object, "maskedPaths", spec.masked_paths);
    put(object, "readonlyPaths", spec.readonly_paths);
    put(object, "mountLabel", spec.mount_label);
    if (spec.personality)
        object["personality"]["domain"] = *spec.personality == PER_LINUX32 ? "LINUX32" : "LINUX";
    put(object, "timeOffsets", time_offsets_json(spec.time_offsets));
    return object;
}

}  // namespace stack::oci
