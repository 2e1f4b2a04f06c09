// ResourceSpec as cgroup v2 files (Documentation/admin-guide/cgroup-v2.rst), and the defaults of memory
// limits that both versions share. Pure.
#include "runtime/base/error.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/cgroup_memory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace stack {

namespace {

std::string number_or_max(std::int64_t value) {
    return value < 0 ? "max" : fmt::format("{}", value);
}

// `unified` is passed through to files of the cgroup, so it must be a file of a controller and nothing else.
void check_unified_name(const std::string& file) {
    const bool plain = std::all_of(file.begin(), file.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               (c >= 'A' && c <= 'Z');
    });
    const std::size_t dot = file.find('.');
    if (!plain || dot == std::string::npos || dot == 0 || dot + 1 == file.size() ||
        file.starts_with("cgroup."))
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a file of a cgroup controller", file)};
}

}  // namespace

MemoryLimits memory_limits(const ResourceSpec& resources) {
    const auto given = [](const std::optional<std::int64_t>& value) { return value && *value != 0; };
    MemoryLimits result;
    if (given(resources.memory_reservation_bytes)) result.reservation = resources.memory_reservation_bytes;
    const bool swap = given(resources.memory_swap_bytes);
    if (!given(resources.memory_limit_bytes)) {
        if (swap && *resources.memory_swap_bytes > 0)
            throw Error{ErrorKind::invalid_input, "a limit of memory plus swap needs a limit of memory"};
        return result;
    }
    const std::int64_t limit = *resources.memory_limit_bytes;
    result.limit = limit;
    if (limit < 0) {
        if (swap && *resources.memory_swap_bytes > 0)
            throw Error{ErrorKind::invalid_input, "a limit of memory plus swap needs a limit of memory"};
        result.limit_with_swap = -1;
    } else if (swap) {
        if (*resources.memory_swap_bytes > 0 && *resources.memory_swap_bytes < limit)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the limit of memory plus swap ({}) is below the limit of memory ({})",
                                    *resources.memory_swap_bytes, limit)};
        result.limit_with_swap = std::max<std::int64_t>(*resources.memory_swap_bytes, -1);
    } else {
        result.limit_with_swap = limit > std::numeric_limits<std::int64_t>::max() / 2 ? -1 : 2 * limit;
    }
    return result;
}

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
    std::vector<CgroupWrite> writes;
    const MemoryLimits memory = memory_limits(resources);
    if (memory.limit)
        writes.push_back({"memory", "memory.max", number_or_max(*memory.limit), "memory.limit"});
    // v2 limits swap alone, not the sum.
    if (memory.limit_with_swap)
        writes.push_back(
            {"memory", "memory.swap.max",
             *memory.limit_with_swap < 0 ? "max" : fmt::format("{}", *memory.limit_with_swap - *memory.limit),
             "memory.swap", true});
    if (memory.reservation)
        writes.push_back({"memory", "memory.low", number_or_max(*memory.reservation), "memory.reservation"});
    if (resources.cpu_shares && *resources.cpu_shares != 0)
        writes.push_back({"cpu", "cpu.weight", fmt::format("{}", cpu_weight_of_shares(*resources.cpu_shares)),
                          "cpu.shares"});
    if (resources.cpu_quota_us || resources.cpu_period_us) {
        const std::int64_t quota = resources.cpu_quota_us.value_or(-1);
        writes.push_back({"cpu", "cpu.max",
                          fmt::format("{} {}", quota > 0 ? fmt::format("{}", quota) : "max",
                                      resources.cpu_period_us.value_or(100000)),
                          resources.cpu_quota_us ? "cpu.quota" : "cpu.period"});
    }
    if (!resources.cpuset_cpus.empty())
        writes.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus, "cpu.cpus"});
    if (!resources.cpuset_mems.empty())
        writes.push_back({"cpuset", "cpuset.mems", resources.cpuset_mems, "cpu.mems"});
    if (resources.pids_limit)
        writes.push_back({"pids", "pids.max",
                          *resources.pids_limit > 0 ? fmt::format("{}", *resources.pids_limit) : "max",
                          "pids.limit"});
    for (const auto& [file, value] : resources.unified) {  // last: what is said outright wins
        check_unified_name(file);
        writes.push_back({file.substr(0, file.find('.')), file, value, "unified." + file});
    }
    return writes;
}

}  // namespace stack
