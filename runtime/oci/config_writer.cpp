#include "runtime/oci/config_writer.hpp"

#include "runtime/oci/json_members.hpp"

#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using Json = nlohmann::ordered_json;

Json mounts_json(const std::vector<MountSpec>& mounts) {
    Json list = Json::array();
    for (const MountSpec& mount : mounts) {
        Json entry = Json::object();
        entry["destination"] = mount.destination;
        put(entry, "type", mount.type);
        put(entry, "source", mount.source);
        put(entry, "options", mount.options);
        put(entry, "uidMappings", id_mappings_json(mount.uid_mappings));
        put(entry, "gidMappings", id_mappings_json(mount.gid_mappings));
        list.push_back(std::move(entry));
    }
    return list;
}

Json hook_list_json(const std::vector<HookSpec>& hooks) {
    Json list = Json::array();
    for (const HookSpec& hook : hooks) {
        Json entry = Json::object();
        entry["path"] = hook.path;
        put(entry, "args", hook.args);
        put(entry, "env", hook.env);
        put(entry, "timeout", hook.timeout_seconds);
        list.push_back(std::move(entry));
    }
    return list;
}

Json hooks_json(const HookSpecs& hooks) {
    Json object = Json::object();
    put(object, "prestart", hook_list_json(hooks.prestart));
    put(object, "createRuntime", hook_list_json(hooks.create_runtime));
    put(object, "createContainer", hook_list_json(hooks.create_container));
    put(object, "startContainer", hook_list_json(hooks.start_container));
    put(object, "poststart", hook_list_json(hooks.poststart));
    put(object, "poststop", hook_list_json(hooks.poststop));
    return object;
}

}  // namespace

Json id_mappings_json(const std::vector<IdMapping>& mappings) {
    Json list = Json::array();
    for (const IdMapping& map : mappings)
        list.push_back({{"containerID", map.container_id}, {"hostID", map.host_id}, {"size", map.size}});
    return list;
}

std::string write_config(const OciConfig& config, int indent) {
    const ContainerSpec& spec = config.spec;
    Json document = Json::object();
    document["ociVersion"] = config.version;
    document["process"] = process_json(spec.process);
    document["root"]["path"] = spec.root.path;
    put_nonzero(document["root"], "readonly", spec.root.readonly);
    put(document, "hostname", spec.hostname);
    put(document, "domainname", spec.domainname);
    put(document, "mounts", mounts_json(spec.mounts));
    put(document, "hooks", hooks_json(spec.hooks));
    put(document, "annotations", spec.annotations);
    put(document, "linux", linux_json(spec));
    // Names in config.json are bytes to the kernel: what is no UTF-8 can't have come in and must not stop us either.
    return document.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace stack::oci
