// What a cgroup has used, as values: from the files of its controllers, wherever each of them lives. The names are
// those of `events --stats`, whose JSON form stands in runtime/oci/stats_json.hpp.
//
// Follows Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/*.rst and accounting/psi.rst.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// Pressure stall information: the share of time in which some, or all, processes waited.
struct PressureLine {
    double avg10 = 0, avg60 = 0, avg300 = 0;  ///< per cent, over so many seconds
    std::chrono::microseconds total{};
    bool operator==(const PressureLine&) const = default;
};
struct Pressure {
    std::optional<PressureLine> some, full;
    bool operator==(const Pressure&) const = default;
};

struct CpuStats {
    std::optional<std::chrono::nanoseconds> total, user, kernel;  ///< nobody counts it: absent
    std::vector<std::chrono::nanoseconds> per_cpu, per_cpu_user, per_cpu_kernel;  ///< v1 only
    std::uint64_t periods = 0, throttled_periods = 0;
    std::chrono::nanoseconds throttled_time{};
    std::optional<Pressure> pressure;  ///< here and below: v2, where the kernel has it switched on
    bool operator==(const CpuStats&) const = default;
};

/// One resource that is counted in bytes.
struct UsageStats {
    std::uint64_t usage = 0, max_usage = 0, failures = 0;
    std::optional<std::uint64_t> limit;  ///< absent: unlimited
    bool operator==(const UsageStats&) const = default;
};

struct MemoryStats {
    UsageStats memory;
    UsageStats swap;  ///< memory plus swap, as v1 counts it and callers expect
    UsageStats kernel, kernel_tcp;
    std::uint64_t cache = 0;
    std::map<std::string, std::uint64_t> raw;  ///< memory.stat
    std::optional<Pressure> pressure;
    bool operator==(const MemoryStats&) const = default;
    /// Without page cache that can be dropped at once (inactive_file): what `docker stats` shows.
    [[nodiscard]] std::uint64_t working_set() const;
};

struct PidsStats {
    std::uint64_t current = 0;
    std::optional<std::uint64_t> limit;  ///< absent: unlimited
    bool operator==(const PidsStats&) const = default;
};

struct BlockIoEntry {
    std::uint64_t major = 0, minor = 0;
    std::string op;  ///< Read, Write, Sync, Async, Discard; empty where the kernel does not tell them apart
    std::uint64_t value = 0;
    bool operator==(const BlockIoEntry&) const = default;
};
struct BlockIoStats {
    std::vector<BlockIoEntry> bytes, operations;
    /// v1 with BFQ only. Times in nanoseconds, `time` in milliseconds.
    std::vector<BlockIoEntry> queued, service_time, wait_time, merged, time, sectors;
    std::optional<Pressure> pressure;
    bool operator==(const BlockIoStats&) const = default;
};

struct RdmaStats {
    /// nullopt: unlimited. `hca_handle`, `hca_object` of each device.
    std::map<std::string, std::map<std::string, std::optional<std::uint64_t>>> current, limit;
    bool operator==(const RdmaStats&) const = default;
};

/// A controller that is not there leaves its part absent or empty.
struct CgroupStats {
    CpuStats cpu;
    std::optional<MemoryStats> memory;
    std::optional<PidsStats> pids;
    BlockIoStats block_io;
    std::map<std::string, UsageStats> hugepages;  ///< by page size as in file names: 2MB
    RdmaStats rdma;
    std::vector<std::uint16_t> cpuset_cpus, cpuset_mems;  ///< those in effect
    bool operator==(const CgroupStats&) const = default;
};

/// Where the files come from; a container's cgroup, or texts of a test.
struct CgroupStatFiles {
    /// The text of a controller's file; nullopt when there is none. The controller "" means the v2 directory itself.
    std::function<std::optional<std::string>(std::string_view controller, const std::string& file)> read;
    std::function<bool(std::string_view controller)> on_v1;
    std::vector<std::string> hugepage_sizes;  ///< 2MB, 1GB, …
};
/// Pure but for `files`. What the kernel writes in a way that this function doesn't know counts as absent.
CgroupStats collect_stats(const CgroupStatFiles& files);

/// A `.pressure` file; nullopt when it is not one. Pure.
std::optional<Pressure> parse_pressure(std::string_view text);
/// `0-3,7` as numbers; empty for what is not a list. Pure.
std::vector<std::uint16_t> parse_cpu_list(std::string_view text);
/// The page sizes of this host as the kernel writes them in file names, from /sys/kernel/mm/hugepages. Sorted.
std::vector<std::string> host_hugepage_sizes();

}  // namespace stack
