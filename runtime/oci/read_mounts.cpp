// `root` and `mounts` of config.json.
#include "runtime/oci/config_parts.hpp"

#include <algorithm>

namespace stack::oci {

std::vector<IdMapping> read_id_mappings(const JsonNode& mappings) {
    std::vector<IdMapping> result;
    mappings.each([&](const JsonNode& entry) {
        IdMapping map{entry["containerID"].required_number<std::uint32_t>(),
                      entry["hostID"].required_number<std::uint32_t>(),
                      entry["size"].required_number<std::uint32_t>()};
        if (map.size == 0) entry["size"].fail("is 0: such a mapping maps nobody");
        result.push_back(map);
    });
    return result;
}

RootSpec read_root(const JsonNode& root) {
    if (!root.present()) root.fail("is missing");
    RootSpec result;
    result.path = root["path"].required_text();
    result.readonly = root["readonly"].flag();
    return result;
}

namespace {

// The library fills new volumes of its own that way. Here the source is a directory of the host's.
void refuse_copy_into_source(const JsonNode& entry, const MountSpec& mount) {
    const auto has = [&](const char* word) {
        return std::find(mount.options.begin(), mount.options.end(), word) != mount.options.end();
    };
    const bool bind = mount.type == "bind" || has("bind") || has("rbind");
    if (bind && (has("copyup") || has("tmpcopyup")))
        entry["options"].fail(
            "would copy from the image into the source of a bind: tmpcopyup is for a tmpfs");
}

}  // namespace

std::vector<MountSpec> read_mounts(const JsonNode& mounts) {
    std::vector<MountSpec> result;
    mounts.each([&](const JsonNode& entry) {
        MountSpec mount;
        // The specification of 1.0 had relative destinations, taken as below the root; runc still accepts them.
        mount.destination = entry["destination"].required_text();
        if (!mount.destination.starts_with('/')) mount.destination.insert(0, "/");
        mount.type = entry["type"].text();
        mount.source = entry["source"].text();
        mount.options = entry["options"].texts();
        refuse_copy_into_source(entry, mount);
        mount.uid_mappings = read_id_mappings(entry["uidMappings"]);
        mount.gid_mappings = read_id_mappings(entry["gidMappings"]);
        if (mount.uid_mappings.empty() != mount.gid_mappings.empty())
            entry.fail("has only one of uidMappings and gidMappings");
        result.push_back(std::move(mount));
    });
    return result;
}

}  // namespace stack::oci
