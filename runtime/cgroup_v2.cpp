// ResourceSpec as cgroup v2 files (Documentation/admin-guide/cgroup-v2.rst). Pure.
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup_plan.hpp"
#include "runtime/cgroup_values.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace stack {

namespace {

using Missing = CgroupWrite::Missing;

std::string number_or_max(std::int64_t value) {
    return value < 0 ? "max" : fmt::format("{}", value);
}

// `unified` is passed through to files of the cgroup, so it must be a file of a controller and nothing else.
void check_unified_name(const std::string& file) {
    static constexpr std::string_view kControllers[] = {"cpu",    "cpuset", "dmem", "hugetlb", "io",
                                                        "memory", "misc",   "pids", "rdma"};
    const bool plain = std::all_of(file.begin(), file.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               (c >= 'A' && c <= 'Z');
    });
    const std::size_t dot = file.find('.');
    const bool known = std::find(std::begin(kControllers), std::end(kControllers),
                                 std::string_view{file}.substr(0, dot)) != std::end(kControllers);
    if (!plain || !known || dot == std::string::npos || dot + 1 == file.size() ||
        file.find("..") != std::string::npos)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("unified: '{}' is not a file of a cgroup controller", file)}
            .with_hint("files are named as in cgroup v2: memory.high, io.latency, cpu.max");
}

// Files of `io` have a line for each device: "8:0 rbps=1000", taken away by "8:0 rbps=max".
void set_device(CgroupWrite& write) {
    const std::vector<std::string> words = split(trim(write.value), ' ');
    if (words[0].find(':') == std::string::npos) return;
    write.device = words[0];
    write.reset_value = words[0];
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        write.reset_value +=
            equals == std::string::npos ? " default" : ' ' + words[i].substr(0, equals) + "=max";
    }
}

void add_memory(const ResourceSpec& resources, std::vector<CgroupWrite>& writes) {
    const MemoryLimits memory = memory_limits(resources);
    if (memory.limit)
        writes.push_back({"memory", "memory.max", number_or_max(*memory.limit), "memory.limit"});
    // v2 limits swap alone, not the sum.
    if (memory.limit_with_swap)
        writes.push_back(
            {"memory", "memory.swap.max",
             *memory.limit_with_swap < 0 ? "max" : fmt::format("{}", *memory.limit_with_swap - *memory.limit),
             "memory.swap", Missing::without_swap_fine});
    if (memory.reservation)
        writes.push_back({"memory", "memory.low", number_or_max(*memory.reservation), "memory.reservation"});
    if (resources.memory_swappiness)
        writes.push_back(
            {"memory", "", fmt::format("{}", *resources.memory_swappiness), "memory.swappiness"});
    if (resources.disable_oom_killer) writes.push_back({"memory", "", "1", "memory.disableOOMKiller"});
}

void add_cpu(const ResourceSpec& resources, std::vector<CgroupWrite>& writes) {
    // An idle group has no weight: the kernel refuses one.
    if (resources.cpu_idle)
        writes.push_back({"cpu", "cpu.idle", fmt::format("{}", *resources.cpu_idle), "cpu.idle"});
    if (resources.cpu_shares.value_or(0) != 0 && resources.cpu_idle.value_or(0) == 0)
        writes.push_back({"cpu", "cpu.weight", fmt::format("{}", cpu_weight_of_shares(*resources.cpu_shares)),
                          "cpu.shares"});
    if (resources.cpu_quota_us || resources.cpu_period_us) {
        const std::int64_t quota = resources.cpu_quota_us.value_or(-1);
        writes.push_back({"cpu", "cpu.max",
                          fmt::format("{} {}", quota > 0 ? fmt::format("{}", quota) : "max",
                                      resources.cpu_period_us.value_or(100000)),
                          resources.cpu_quota_us ? "cpu.quota" : "cpu.period"});
    }
    if (resources.cpu_burst_us)
        writes.push_back({"cpu", "cpu.max.burst", fmt::format("{}", *resources.cpu_burst_us), "cpu.burst"});
    if (!resources.cpuset_cpus.empty())
        writes.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus, "cpu.cpus"});
    if (!resources.cpuset_mems.empty())
        writes.push_back({"cpuset", "cpuset.mems", resources.cpuset_mems, "cpu.mems"});
}

}  // namespace

// Both scales are logarithmic about their defaults: 2 -> 1, 1024 -> 100, 262144 -> 10000. The older linear
// formula maps the default of 1024 to 39, so that a container "with the default" gets less than its
// neighbours without any.
std::uint64_t cpu_weight_of_shares(std::uint64_t shares) {
    if (shares <= 2) return 1;
    if (shares >= 262144) return 10000;
    const double l = std::log2(static_cast<double>(shares));
    const double exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
    const double weight = std::ceil(std::pow(10.0, exponent) - 1e-9);
    return static_cast<std::uint64_t>(std::clamp(weight, 1.0, 10000.0));
}

std::vector<CgroupWrite> v2_writes(const ResourceSpec& resources) {
    check_ranges(resources);
    std::vector<CgroupWrite> writes;
    add_memory(resources, writes);
    add_cpu(resources, writes);
    if (resources.pids_limit)
        writes.push_back({"pids", "pids.max",
                          *resources.pids_limit > 0 ? fmt::format("{}", *resources.pids_limit) : "max",
                          "pids.limit"});
    for (const HugepageLimit& huge : resources.hugepages) {
        const std::string limit = "hugepageLimits." + huge.page_size;
        const std::string value = fmt::format("{}", huge.limit_bytes);
        writes.push_back({"hugetlb", fmt::format("hugetlb.{}.max", huge.page_size), value, limit});
        // Reserved pages too, so that mmap is refused instead of a later access killed by SIGBUS (Linux 5.7).
        writes.push_back(
            {"hugetlb", fmt::format("hugetlb.{}.rsvd.max", huge.page_size), value, limit, Missing::fine});
    }
    for (CgroupWrite& write : v2_block_io_writes(resources.block_io)) writes.push_back(std::move(write));
    for (CgroupWrite& write : rdma_writes(resources.rdma)) writes.push_back(std::move(write));
    for (const auto& [file, value] : resources.unified) {  // last: what is said outright wins
        check_unified_name(file);
        CgroupWrite write{file.substr(0, file.find('.')), file, value, "unified." + file};
        if (write.controller == "io") set_device(write);
        writes.push_back(std::move(write));
    }
    return writes;
}

}  // namespace stack
