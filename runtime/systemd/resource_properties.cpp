#include "runtime/systemd/resource_properties.hpp"

#include "runtime/base/text.hpp"
#include "runtime/cgroup_plan.hpp"
#include "runtime/cgroup_stats.hpp"
#include "runtime/cgroup_values.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::systemd {

namespace {

std::uint64_t number_or_infinity(std::int64_t value) {
    return value < 0 ? kInfinity : static_cast<std::uint64_t>(value);
}

void add_memory_properties(const ResourceSpec& resources, bool v2, std::vector<Property>& out) {
    const MemoryLimits memory = memory_limits(resources);
    if (memory.limit) out.push_back({v2 ? "MemoryMax" : "MemoryLimit", number_or_infinity(*memory.limit)});
    if (!v2) return;  // systemd knows neither the sum with swap nor the soft limit of v1
    if (memory.limit_with_swap)
        out.push_back(
            {"MemorySwapMax", *memory.limit_with_swap < 0
                                  ? kInfinity
                                  : static_cast<std::uint64_t>(*memory.limit_with_swap - *memory.limit)});
    if (memory.reservation) out.push_back({"MemoryLow", number_or_infinity(*memory.reservation)});
}

/// systemd keeps the quota in whole per cent of a CPU, 10 ms a second, and cuts the rest off.
std::uint64_t quota_per_second(std::int64_t quota_us, std::uint64_t period_us) {
    constexpr std::uint64_t kSecond = 1'000'000, kStep = 10'000;
    if (quota_us <= 0) return kInfinity;
    const std::uint64_t per_second = static_cast<std::uint64_t>(quota_us) * kSecond / period_us;
    return (per_second + kStep - 1) / kStep * kStep;
}

void add_cpu_properties(const ResourceSpec& resources, bool v2, std::vector<Property>& out) {
    if (resources.cpu_shares.value_or(0) != 0) {
        if (v2)
            out.push_back({"CPUWeight", cpu_weight_of_shares(*resources.cpu_shares)});
        else
            out.push_back({"CPUShares", *resources.cpu_shares});
    }
    const std::uint64_t period =
        resources.cpu_period_us.value_or(0) != 0 ? *resources.cpu_period_us : 100'000;
    if (resources.cpu_period_us) out.push_back({"CPUQuotaPeriodUSec", period});
    if (resources.cpu_quota_us)
        out.push_back({"CPUQuotaPerSecUSec", quota_per_second(*resources.cpu_quota_us, period)});
}

/// `0-2,8` as a mask with the lowest number in the lowest bit of the first byte.
Property::Bytes mask_of(const std::string& list) {
    Property::Bytes mask;
    for (const std::uint16_t number : parse_cpu_list(list)) {
        if (mask.size() <= number / 8u) mask.resize(number / 8u + 1);
        mask[number / 8u] = static_cast<std::uint8_t>(mask[number / 8u] | 1u << number % 8u);
    }
    return mask;
}

/// Files of `unified` that hold one number or "max" and have a property of their own.
void add_unified_properties(const ResourceSpec& resources, std::vector<Property>& out) {
    static constexpr std::pair<std::string_view, const char*> kProperties[] = {
        {"cpu.weight", "CPUWeight"},          {"io.weight", "IOWeight"},   {"memory.high", "MemoryHigh"},
        {"memory.low", "MemoryLow"},          {"memory.max", "MemoryMax"}, {"memory.min", "MemoryMin"},
        {"memory.swap.max", "MemorySwapMax"}, {"pids.max", "TasksMax"}};
    for (const auto& [file, name] : kProperties) {
        const auto given = resources.unified.find(std::string{file});
        if (given == resources.unified.end()) continue;
        const std::optional<long long> number = parse_int(trim(given->second));
        if (trim(given->second) == "max") out.push_back({name, kInfinity});
        if (number && *number >= 0) out.push_back({name, static_cast<std::uint64_t>(*number)});
    }
}

std::string device_selector(const DeviceRule& rule, const DriverNames& drivers) {
    const char* kind = rule.type == 'c' ? "char" : "block";
    if (rule.major.value_or(-1) < 0) return rule.minor.value_or(-1) < 0 ? fmt::format("{}-*", kind) : "";
    if (rule.minor.value_or(-1) >= 0) return fmt::format("/dev/{}/{}:{}", kind, *rule.major, *rule.minor);
    const auto driver = drivers.find({rule.type, *rule.major});
    return driver == drivers.end() ? "" : fmt::format("{}-{}", kind, driver->second);
}

}  // namespace

DriverNames parse_driver_names(std::string_view proc_devices) {
    DriverNames names;
    char type = 'c';
    for (const std::string& line : split(proc_devices, '\n')) {
        if (line.starts_with("Block")) type = 'b';
        const std::string_view text = trim(line);  // `136 pts`
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos) continue;
        if (const auto major = parse_int(text.substr(0, space)))
            names[{type, *major}] = text.substr(space + 1);
    }
    return names;
}

std::vector<Property> resource_properties(const ResourceSpec& resources, CgroupLayout::Mode mode) {
    const bool v2 = mode == CgroupLayout::Mode::v2;
    std::vector<Property> out;
    add_memory_properties(resources, v2, out);
    add_cpu_properties(resources, v2, out);
    if (v2 && !resources.cpuset_cpus.empty()) out.push_back({"AllowedCPUs", mask_of(resources.cpuset_cpus)});
    if (v2 && !resources.cpuset_mems.empty())
        out.push_back({"AllowedMemoryNodes", mask_of(resources.cpuset_mems)});
    if (resources.pids_limit)
        out.push_back({"TasksMax", *resources.pids_limit > 0
                                       ? static_cast<std::uint64_t>(*resources.pids_limit)
                                       : kInfinity});
    if (const std::uint16_t weight = resources.block_io.weight.value_or(0); weight != 0) {
        if (v2)
            out.push_back({"IOWeight", io_weight_of_blkio(weight)});
        else
            out.push_back({"BlockIOWeight", std::uint64_t{weight}});
    }
    if (v2) add_unified_properties(resources, out);
    return out;
}

std::vector<Property> device_properties(const std::vector<DeviceRule>& rules, const DriverNames& drivers) {
    const std::vector<Property> open{{"DevicePolicy", std::string{"auto"}},
                                     {"DeviceAllow", Property::Pairs{}}};
    Property::Pairs allowed;
    for (const DeviceRule& rule : rules) {
        if (rule.type == 'a' && !rule.allow) {
            allowed.clear();
            continue;
        }
        const std::string selector = rule.type == 'a' ? "" : device_selector(rule, drivers);
        if (!rule.allow || selector.empty()) return open;
        allowed.emplace_back(selector, rule.access);
    }
    // An empty list in front takes away what an earlier update has set.
    return {{"DevicePolicy", std::string{"strict"}},
            {"DeviceAllow", Property::Pairs{}},
            {"DeviceAllow", allowed}};
}

}  // namespace stack::systemd
