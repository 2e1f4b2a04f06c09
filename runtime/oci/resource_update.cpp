#include "runtime/oci/resource_update.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/units.hpp"

#include <limits>
#include <utility>

#include <fmt/format.h>

namespace stack::oci {

namespace {

std::optional<std::int64_t> size_flag(const Arguments& arguments, const char* name) {
    if (!arguments.has(name)) return std::nullopt;
    const std::string text = arguments.text(name);
    if (text == "-1") return -1;
    const std::optional<std::uint64_t> bytes = parse_bytes(text);
    if (!bytes)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("invalid value \"{}\" for flag --{}: no size", text, name)}
            .with_hint("a number with or without unit (64m, 1g), or -1 for no limit");
    return static_cast<std::int64_t>(*bytes);
}

template <class T>
std::optional<T> number_flag(const Arguments& arguments, const char* name, long long least = 0) {
    const std::optional<long long> value = arguments.number(name, least);
    if (value && std::cmp_greater(*value, std::numeric_limits<T>::max()))
        throw Error{ErrorKind::invalid_input, fmt::format("invalid value \"{}\" for flag --{}: above {}",
                                                          *value, name, std::numeric_limits<T>::max())};
    return value ? std::optional{static_cast<T>(*value)} : std::nullopt;
}

template <class T>
void lay_over(std::optional<T>& below, const std::optional<T>& above) {
    if (above) below = above;
}

void lay_over(std::string& below, const std::string& above) {
    if (!above.empty()) below = above;
}

template <class T>
void lay_over(std::vector<T>& below, const std::vector<T>& above) {
    if (!above.empty()) below = above;
}

void lay_over(ResourceSpec& below, const ResourceSpec& above) {
    lay_over(below.memory_limit_bytes, above.memory_limit_bytes);
    lay_over(below.memory_reservation_bytes, above.memory_reservation_bytes);
    lay_over(below.memory_swap_bytes, above.memory_swap_bytes);
    lay_over(below.memory_swappiness, above.memory_swappiness);
    below.check_before_update |= above.check_before_update;
    below.disable_oom_killer |= above.disable_oom_killer;
    lay_over(below.cpu_shares, above.cpu_shares);
    lay_over(below.cpu_quota_us, above.cpu_quota_us);
    lay_over(below.cpu_period_us, above.cpu_period_us);
    lay_over(below.cpu_burst_us, above.cpu_burst_us);
    lay_over(below.cpu_idle, above.cpu_idle);
    lay_over(below.cpuset_cpus, above.cpuset_cpus);
    lay_over(below.cpuset_mems, above.cpuset_mems);
    lay_over(below.pids_limit, above.pids_limit);
    lay_over(below.devices, above.devices);
    lay_over(below.block_io.weight, above.block_io.weight);
    lay_over(below.block_io.leaf_weight, above.block_io.leaf_weight);
    lay_over(below.block_io.weight_devices, above.block_io.weight_devices);
    lay_over(below.block_io.read_bps, above.block_io.read_bps);
    lay_over(below.block_io.write_bps, above.block_io.write_bps);
    lay_over(below.block_io.read_iops, above.block_io.read_iops);
    lay_over(below.block_io.write_iops, above.block_io.write_iops);
    lay_over(below.hugepages, above.hugepages);
    for (const auto& [device, limit] : above.rdma) below.rdma[device] = limit;
    for (const auto& [file, value] : above.unified) below.unified[file] = value;
}

template <class T>
void drop_zero(std::optional<T>& value) {
    if (value && *value == T{}) value.reset();
}

void refuse_flag(const Arguments& arguments, const char* name, const char* why) {
    if (arguments.has(name))
        throw Error{ErrorKind::not_supported, fmt::format("--{} is not supported", name)}.with_hint(why);
}

}  // namespace

ResourceSpec resources_from_flags(const Arguments& arguments) {
    for (const char* name : {"cpu-rt-period", "cpu-rt-runtime"})
        refuse_flag(arguments, name, "real-time group scheduling is not in common kernels");
    for (const char* name : {"l3-cache-schema", "mem-bw-schema"})
        refuse_flag(arguments, name, "cache and memory bandwidth allocation is not handled here");
    ResourceSpec change;
    change.memory_limit_bytes = size_flag(arguments, "memory");
    change.memory_reservation_bytes = size_flag(arguments, "memory-reservation");
    change.memory_swap_bytes = size_flag(arguments, "memory-swap");
    change.pids_limit = number_flag<std::int64_t>(arguments, "pids-limit", -1);
    change.cpu_period_us = number_flag<std::uint64_t>(arguments, "cpu-period");
    change.cpu_quota_us = number_flag<std::int64_t>(arguments, "cpu-quota", -1);
    change.cpu_burst_us = number_flag<std::uint64_t>(arguments, "cpu-burst");
    change.cpu_shares = number_flag<std::uint64_t>(arguments, "cpu-share");
    change.cpu_idle = number_flag<std::int64_t>(arguments, "cpu-idle");
    change.cpuset_cpus = arguments.text("cpuset-cpus");
    change.cpuset_mems = arguments.text("cpuset-mems");
    change.block_io.weight = number_flag<std::uint16_t>(arguments, "blkio-weight");
    drop_zero(change.block_io.weight);
    return change;
}

void drop_unchanged(ResourceSpec& change) {
    drop_zero(change.memory_limit_bytes);
    drop_zero(change.memory_reservation_bytes);
    drop_zero(change.memory_swap_bytes);
    drop_zero(change.cpu_shares);
    drop_zero(change.cpu_quota_us);
    drop_zero(change.cpu_period_us);
    drop_zero(change.pids_limit);
    drop_zero(change.block_io.weight);
}

ResourceUpdate merge_resources(const ResourceSpec& before, const ResourceSpec& change) {
    ResourceUpdate result{before, change};
    lay_over(result.all, change);
    ResourceSpec& write = result.write;
    // Limits that bound each other are written together, so that whoever writes can choose the order.
    if (write.memory_limit_bytes || write.memory_swap_bytes) {
        write.memory_limit_bytes = result.all.memory_limit_bytes;
        write.memory_swap_bytes = result.all.memory_swap_bytes;
        write.check_before_update = result.all.check_before_update;
    }
    if (write.cpu_quota_us || write.cpu_period_us || write.cpu_burst_us) {
        write.cpu_quota_us = result.all.cpu_quota_us;
        write.cpu_period_us = result.all.cpu_period_us;
        write.cpu_burst_us = result.all.cpu_burst_us;
    }
    return result;
}

}  // namespace stack::oci
