// `linux.resources` and `linux.seccomp` as config.json has them.
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/json_members.hpp"

#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using Json = nlohmann::ordered_json;

Json device_rules_json(const std::vector<DeviceRule>& rules) {
    Json list = Json::array();
    for (const DeviceRule& rule : rules) {
        Json entry = Json::object();
        entry["allow"] = rule.allow;
        if (rule.type != 'a') entry["type"] = std::string(1, rule.type);
        put(entry, "major", rule.major);
        put(entry, "minor", rule.minor);
        put(entry, "access", rule.access);
        list.push_back(std::move(entry));
    }
    return list;
}

Json memory_json(const ResourceSpec& resources) {
    Json object = Json::object();
    put(object, "limit", resources.memory_limit_bytes);
    put(object, "reservation", resources.memory_reservation_bytes);
    put(object, "swap", resources.memory_swap_bytes);
    put(object, "swappiness", resources.memory_swappiness);
    put_nonzero(object, "disableOOMKiller", resources.disable_oom_killer);
    put_nonzero(object, "checkBeforeUpdate", resources.check_before_update);
    return object;
}

Json cpu_json(const ResourceSpec& resources) {
    Json object = Json::object();
    put(object, "shares", resources.cpu_shares);
    put(object, "quota", resources.cpu_quota_us);
    put(object, "burst", resources.cpu_burst_us);
    put(object, "period", resources.cpu_period_us);
    put(object, "cpus", resources.cpuset_cpus);
    put(object, "mems", resources.cpuset_mems);
    put(object, "idle", resources.cpu_idle);
    return object;
}

Json block_device_json(const BlockDeviceValue& value, const char* key) {
    Json entry = Json::object();
    entry["major"] = value.major;
    entry["minor"] = value.minor;
    entry[key] = value.value;
    put(entry, "leafWeight", value.leaf_weight);
    return entry;
}

Json block_devices_json(const std::vector<BlockDeviceValue>& values, const char* key) {
    Json list = Json::array();
    for (const BlockDeviceValue& value : values) list.push_back(block_device_json(value, key));
    return list;
}

Json block_io_json(const BlockIoSpec& block_io) {
    Json object = Json::object();
    put(object, "weight", block_io.weight);
    put(object, "leafWeight", block_io.leaf_weight);
    put(object, "weightDevice", block_devices_json(block_io.weight_devices, "weight"));
    put(object, "throttleReadBpsDevice", block_devices_json(block_io.read_bps, "rate"));
    put(object, "throttleWriteBpsDevice", block_devices_json(block_io.write_bps, "rate"));
    put(object, "throttleReadIOPSDevice", block_devices_json(block_io.read_iops, "rate"));
    put(object, "throttleWriteIOPSDevice", block_devices_json(block_io.write_iops, "rate"));
    return object;
}

Json hugepages_json(const std::vector<HugepageLimit>& limits) {
    Json list = Json::array();
    for (const HugepageLimit& limit : limits)
        list.push_back({{"pageSize", limit.page_size}, {"limit", limit.limit_bytes}});
    return list;
}

Json rdma_json(const std::map<std::string, RdmaLimit>& limits) {
    Json object = Json::object();
    for (const auto& [device, limit] : limits) {
        Json& entry = object[device] = Json::object();
        put(entry, "hcaHandles", limit.hca_handles);
        put(entry, "hcaObjects", limit.hca_objects);
    }
    return object;
}

Json seccomp_arguments_json(const std::vector<SeccompArgument>& arguments) {
    Json list = Json::array();
    for (const SeccompArgument& argument : arguments) {
        Json entry = Json::object();
        entry["index"] = argument.index;
        entry["value"] = argument.value;
        put_nonzero(entry, "valueTwo", argument.value_two);
        entry["op"] = argument.op;
        list.push_back(std::move(entry));
    }
    return list;
}

}  // namespace

Json resources_json(const ResourceSpec& resources) {
    Json object = Json::object();
    put(object, "devices", device_rules_json(resources.devices));
    put(object, "memory", memory_json(resources));
    put(object, "cpu", cpu_json(resources));
    if (resources.pids_limit) object["pids"]["limit"] = *resources.pids_limit;
    put(object, "blockIO", block_io_json(resources.block_io));
    put(object, "hugepageLimits", hugepages_json(resources.hugepages));
    put(object, "rdma", rdma_json(resources.rdma));
    put(object, "unified", resources.unified);
    return object;
}

Json seccomp_json(const SeccompProfile& profile) {
    Json object = Json::object();
    object["defaultAction"] = profile.default_action;
    put(object, "defaultErrnoRet", profile.default_errno_ret);
    put(object, "architectures", profile.architectures);
    put(object, "flags", profile.flags);
    put(object, "listenerPath", profile.listener_path);
    put(object, "listenerMetadata", profile.listener_metadata);
    Json list = Json::array();
    for (const SeccompRule& rule : profile.syscalls) {
        Json entry = Json::object();
        entry["names"] = rule.names;
        entry["action"] = rule.action;
        put(entry, "errnoRet", rule.errno_ret);
        put(entry, "args", seccomp_arguments_json(rule.arguments));
        list.push_back(std::move(entry));
    }
    put(object, "syscalls", list);
    return object;
}

}  // namespace stack::oci
