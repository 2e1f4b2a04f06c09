// ResourceSpec as cgroup v1 files (Documentation/admin-guide/cgroup-v1/{memory,cpusets,devices,pids}.rst,
// scheduler/sched-bwc.rst). Pure.
#include "runtime/base/error.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/cgroup_memory.hpp"

#include <fmt/format.h>

namespace stack {

namespace {

std::string device_line(const DeviceRule& rule) {
    const auto number = [](const std::optional<std::int64_t>& value) {
        return value.value_or(-1) >= 0 ? fmt::format("{}", *value) : std::string{"*"};
    };
    if (rule.type == 'a') return "a";
    return fmt::format("{} {}:{} {}", rule.type, number(rule.major), number(rule.minor), rule.access);
}

}  // namespace

std::vector<CgroupWrite> v1_writes(const ResourceSpec& resources) {
    std::vector<CgroupWrite> writes;
    const MemoryLimits memory = memory_limits(resources);
    if (memory.limit)
        writes.push_back(
            {"memory", "memory.limit_in_bytes", fmt::format("{}", *memory.limit), "memory.limit"});
    // After the plain limit: the kernel keeps memory+swap >= memory at every step, and a fresh cgroup has
    // none.
    if (memory.limit_with_swap)
        writes.push_back({"memory", "memory.memsw.limit_in_bytes", fmt::format("{}", *memory.limit_with_swap),
                          "memory.swap", true});
    if (memory.reservation)
        writes.push_back({"memory", "memory.soft_limit_in_bytes", fmt::format("{}", *memory.reservation),
                          "memory.reservation"});
    if (resources.cpu_shares && *resources.cpu_shares != 0)
        writes.push_back({"cpu", "cpu.shares", fmt::format("{}", *resources.cpu_shares), "cpu.shares"});
    if (resources.cpu_period_us)
        writes.push_back(
            {"cpu", "cpu.cfs_period_us", fmt::format("{}", *resources.cpu_period_us), "cpu.period"});
    if (resources.cpu_quota_us)
        writes.push_back(
            {"cpu", "cpu.cfs_quota_us", fmt::format("{}", *resources.cpu_quota_us), "cpu.quota"});
    if (!resources.cpuset_cpus.empty())
        writes.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus, "cpu.cpus"});
    if (!resources.cpuset_mems.empty())
        writes.push_back({"cpuset", "cpuset.mems", resources.cpuset_mems, "cpu.mems"});
    if (resources.pids_limit)
        writes.push_back({"pids", "pids.max",
                          *resources.pids_limit > 0 ? fmt::format("{}", *resources.pids_limit) : "max",
                          "pids.limit"});
    return writes;
}

// The v1 controller is a default plus exceptions: "a" sets the default and clears the exceptions.
std::vector<CgroupWrite> v1_device_writes(const std::vector<DeviceRule>& rules) {
    std::vector<CgroupWrite> writes;
    writes.reserve(rules.size());
    for (const DeviceRule& rule : rules)
        writes.push_back(
            {"devices", rule.allow ? "devices.allow" : "devices.deny", device_line(rule), "devices"});
    return writes;
}

}  // namespace stack
