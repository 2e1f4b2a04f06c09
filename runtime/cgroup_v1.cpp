// ResourceSpec as cgroup v1 files (Documentation/admin-guide/cgroup-v1/{memory,cpusets,hugetlb,pids}.rst,
// scheduler/sched-bwc.rst). Pure.
#include "runtime/cgroup_plan.hpp"
#include "runtime/cgroup_values.hpp"

#include <fmt/format.h>

namespace stack {

namespace {

void add_v1_memory(const ResourceSpec& resources, std::vector<CgroupWrite>& writes) {
    const MemoryLimits memory = memory_limits(resources);
    if (memory.limit)
        writes.push_back(
            {"memory", "memory.limit_in_bytes", fmt::format("{}", *memory.limit), "memory.limit"});
    // After the plain limit: the kernel keeps memory+swap >= memory at every step, and a fresh cgroup has
    // none.
    if (memory.limit_with_swap)
        writes.push_back({"memory", "memory.memsw.limit_in_bytes", fmt::format("{}", *memory.limit_with_swap),
                          "memory.swap", CgroupWrite::Missing::without_swap_fine});
    if (memory.reservation)
        writes.push_back({"memory", "memory.soft_limit_in_bytes", fmt::format("{}", *memory.reservation),
                          "memory.reservation"});
    if (resources.memory_swappiness)
        writes.push_back({"memory", "memory.swappiness", fmt::format("{}", *resources.memory_swappiness),
                          "memory.swappiness"});
    if (resources.disable_oom_killer)
        writes.push_back({"memory", "memory.oom_control", "1", "memory.disableOOMKiller"});
}

void add_v1_cpu(const ResourceSpec& resources, std::vector<CgroupWrite>& writes) {
    // An idle group has no weight: the kernel refuses one.
    if (resources.cpu_idle)
        writes.push_back({"cpu", "cpu.idle", fmt::format("{}", *resources.cpu_idle), "cpu.idle"});
    if (resources.cpu_shares.value_or(0) != 0 && resources.cpu_idle.value_or(0) == 0)
        writes.push_back({"cpu", "cpu.shares", fmt::format("{}", *resources.cpu_shares), "cpu.shares"});
    if (resources.cpu_period_us)
        writes.push_back(
            {"cpu", "cpu.cfs_period_us", fmt::format("{}", *resources.cpu_period_us), "cpu.period"});
    if (resources.cpu_quota_us)
        writes.push_back(
            {"cpu", "cpu.cfs_quota_us", fmt::format("{}", *resources.cpu_quota_us), "cpu.quota"});
    if (resources.cpu_burst_us)
        writes.push_back(
            {"cpu", "cpu.cfs_burst_us", fmt::format("{}", *resources.cpu_burst_us), "cpu.burst"});
    if (!resources.cpuset_cpus.empty())
        writes.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus, "cpu.cpus"});
    if (!resources.cpuset_mems.empty())
        writes.push_back({"cpuset", "cpuset.mems", resources.cpuset_mems, "cpu.mems"});
}

}  // namespace

std::vector<CgroupWrite> v1_writes(const ResourceSpec& resources) {
    check_ranges(resources);
    std::vector<CgroupWrite> writes;
    add_v1_memory(resources, writes);
    add_v1_cpu(resources, writes);
    if (resources.pids_limit)
        writes.push_back({"pids", "pids.max",
                          *resources.pids_limit > 0 ? fmt::format("{}", *resources.pids_limit) : "max",
                          "pids.limit"});
    for (const HugepageLimit& huge : resources.hugepages) {
        const std::string limit = "hugepageLimits." + huge.page_size;
        const std::string value = fmt::format("{}", huge.limit_bytes);
        writes.push_back({"hugetlb", fmt::format("hugetlb.{}.limit_in_bytes", huge.page_size), value, limit});
        // Reserved pages too, so that mmap is refused instead of a later access killed by SIGBUS (Linux 5.7).
        writes.push_back({"hugetlb", fmt::format("hugetlb.{}.rsvd.limit_in_bytes", huge.page_size), value,
                          limit, CgroupWrite::Missing::fine});
    }
    for (CgroupWrite& write : v1_block_io_writes(resources.block_io)) writes.push_back(std::move(write));
    for (CgroupWrite& write : rdma_writes(resources.rdma)) writes.push_back(std::move(write));
    return writes;
}

}  // namespace stack
