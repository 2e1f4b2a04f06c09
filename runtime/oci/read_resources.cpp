// `linux.resources` of config.json.
#include "runtime/oci/config_parts.hpp"

#include <fmt/format.h>

namespace stack::oci {

namespace {

void read_memory(const JsonNode& node, ResourceSpec& result, Warnings& warnings) {
    result.memory_limit_bytes = node["limit"].number<std::int64_t>();
    result.memory_reservation_bytes = node["reservation"].number<std::int64_t>();
    result.memory_swap_bytes = node["swap"].number<std::int64_t>();
    result.memory_swappiness = node["swappiness"].number<std::uint64_t>();
    if (result.memory_swappiness && *result.memory_swappiness > 100) node["swappiness"].fail("is above 100");
    result.disable_oom_killer = node["disableOOMKiller"].flag();
    result.check_before_update = node["checkBeforeUpdate"].flag();
    for (const char* key : {"kernel", "kernelTCP"})
        if (node[key].number<std::int64_t>().value_or(0) > 0)
            warnings.push_back(
                fmt::format("{} has no effect: kernels have no such limit any more", node[key].path()));
    static_cast<void>(node["useHierarchy"].flag());  // what every kernel does since 5.11
}

void read_cpu(const JsonNode& node, ResourceSpec& result) {
    result.cpu_shares = node["shares"].number<std::uint64_t>();
    result.cpu_quota_us = node["quota"].number<std::int64_t>();
    result.cpu_period_us = node["period"].number<std::uint64_t>();
    result.cpu_burst_us = node["burst"].number<std::uint64_t>();
    result.cpu_idle = node["idle"].number<std::int64_t>();
    if (result.cpu_idle && *result.cpu_idle != 0 && *result.cpu_idle != 1)
        node["idle"].fail(fmt::format("is {}, which is neither 0 nor 1", *result.cpu_idle));
    result.cpuset_cpus = node["cpus"].text();
    result.cpuset_mems = node["mems"].text();
    if (node["realtimeRuntime"].number<std::int64_t>().value_or(0) != 0)
        refuse(node["realtimeRuntime"], "real-time group scheduling is not in common kernels");
    if (node["realtimePeriod"].number<std::uint64_t>().value_or(0) != 0)
        refuse(node["realtimePeriod"], "real-time group scheduling is not in common kernels");
}

std::vector<DeviceRule> read_device_rules(const JsonNode& list) {
    const auto number_or_any = [](const JsonNode& node) {
        const std::optional<std::int64_t> value = node.number<std::int64_t>();
        if (value && *value < -1) node.fail(fmt::format("is {}, which is no device number", *value));
        return value == -1 ? std::nullopt : value;
    };
    std::vector<DeviceRule> rules;
    list.each([&](const JsonNode& entry) {
        DeviceRule rule;
        rule.allow = entry["allow"].flag();
        const std::string type = entry["type"].text();
        if (!type.empty() && type != "a" && type != "b" && type != "c")
            entry["type"].fail(fmt::format("is \"{}\", which is none of a, b and c", type));
        rule.type = type.empty() ? 'a' : type[0];
        rule.major = number_or_any(entry["major"]);
        rule.minor = number_or_any(entry["minor"]);
        if (const std::string access = entry["access"].text(); !access.empty()) rule.access = access;
        if (rule.access.find_first_not_of("rwm") != std::string::npos)
            entry["access"].fail(
                fmt::format("is \"{}\": only the letters r, w and m have a meaning", rule.access));
        rules.push_back(std::move(rule));
    });
    return rules;
}

BlockDeviceValue read_block_device(const JsonNode& entry) {
    BlockDeviceValue value;
    value.major = entry["major"].required_number<std::int64_t>();
    value.minor = entry["minor"].required_number<std::int64_t>();
    return value;
}

std::vector<BlockDeviceValue> read_rates(const JsonNode& list) {
    std::vector<BlockDeviceValue> rates;
    list.each([&](const JsonNode& entry) {
        BlockDeviceValue value = read_block_device(entry);
        value.value = entry["rate"].required_number<std::uint64_t>();
        rates.push_back(value);
    });
    return rates;
}

BlockIoSpec read_block_io(const JsonNode& node) {
    BlockIoSpec result;
    result.weight = node["weight"].number<std::uint16_t>();
    result.leaf_weight = node["leafWeight"].number<std::uint16_t>();
    node["weightDevice"].each([&](const JsonNode& entry) {
        BlockDeviceValue value = read_block_device(entry);
        value.value = entry["weight"].number<std::uint16_t>().value_or(0);
        value.leaf_weight = entry["leafWeight"].number<std::uint16_t>();
        result.weight_devices.push_back(value);
    });
    result.read_bps = read_rates(node["throttleReadBpsDevice"]);
    result.write_bps = read_rates(node["throttleWriteBpsDevice"]);
    result.read_iops = read_rates(node["throttleReadIOPSDevice"]);
    result.write_iops = read_rates(node["throttleWriteIOPSDevice"]);
    return result;
}

// Limits that would not be enforced are refused: a limit is a promise.
void refuse_missing_controllers(const JsonNode& resources) {
    const JsonNode network = resources["network"];
    if (network["classID"].number<std::uint32_t>().value_or(0) != 0)
        refuse(network["classID"], "use the rules of the container's own network namespace");
    network["priorities"].each([](const JsonNode& entry) {
        refuse(entry, "use the rules of the container's own network namespace");
    });
}

}  // namespace

ResourceSpec read_resources(const JsonNode& resources, Warnings& warnings) {
    ResourceSpec result;
    read_memory(resources["memory"], result, warnings);
    read_cpu(resources["cpu"], result);
    result.pids_limit = resources["pids"]["limit"].number<std::int64_t>();
    result.devices = read_device_rules(resources["devices"]);
    result.block_io = read_block_io(resources["blockIO"]);
    resources["hugepageLimits"].each([&](const JsonNode& entry) {
        result.hugepages.push_back(
            {entry["pageSize"].required_text(), entry["limit"].required_number<std::uint64_t>()});
    });
    resources["rdma"].each_member([&](const std::string& device, const JsonNode& entry) {
        result.rdma[device] = {entry["hcaHandles"].number<std::uint32_t>(),
                               entry["hcaObjects"].number<std::uint32_t>()};
    });
    result.unified = resources["unified"].text_map();
    refuse_missing_controllers(resources);
    return result;
}

}  // namespace stack::oci
