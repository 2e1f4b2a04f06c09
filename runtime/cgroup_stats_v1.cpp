#include "runtime/base/text.hpp"
#include "runtime/cgroup_files.hpp"
#include "runtime/cgroup_stats_parts.hpp"

#include <unistd.h>

namespace stack::cgroup_stats {

namespace {

using cgroup_files::to_number;
using std::chrono::nanoseconds;

UsageStats v1_usage(const CgroupStatFiles& files, const std::string& name) {
    return {number_in(files, "memory", name + ".usage_in_bytes"),
            number_in(files, "memory", name + ".max_usage_in_bytes"),
            number_in(files, "memory", name + ".failcnt"),
            limit_in(files, "memory", name + ".limit_in_bytes")};
}

/// `8:0 Read 4096` or `8:0 4096`; the closing `Total 4096` has no device.
std::vector<BlockIoEntry> v1_entries(const CgroupStatFiles& files, const std::string& file) {
    std::vector<BlockIoEntry> entries;
    for (const std::string& line : split(files.read("blkio", file).value_or(""), '\n')) {
        const std::vector<std::string> words = split(line, ' ');
        const std::vector<std::string> device = split(words[0], ':');
        if (device.size() != 2 || words.size() < 2 || words.size() > 3) continue;
        const auto major = to_number(device[0]), minor = to_number(device[1]),
                   value = to_number(words.back());
        if (major && minor && value)
            entries.push_back({*major, *minor, words.size() == 3 ? words[1] : "", *value});
    }
    return entries;
}

/// BFQ counts only what it schedules, the throttle layer everything.
std::vector<BlockIoEntry> first_with_entries(const CgroupStatFiles& files,
                                             std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (std::vector<BlockIoEntry> entries = v1_entries(files, name); !entries.empty()) return entries;
    return {};
}

}  // namespace

void add_cpu_v1(const CgroupStatFiles& files, CpuStats& cpu) {
    if (const auto total = files.read("cpuacct", "cpuacct.usage"))
        if (const auto ns = to_number(*total)) cpu.total = nanoseconds{*ns};
    if (!cpu.total) return;
    const Numbers stat = flat_keyed(files.read("cpuacct", "cpuacct.stat"));
    const std::uint64_t tick_ns = 1'000'000'000u / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    cpu.user = nanoseconds{number_of(stat, "user") * tick_ns};
    cpu.kernel = nanoseconds{number_of(stat, "system") * tick_ns};
    for (const std::string& line : split(files.read("cpuacct", "cpuacct.usage_all").value_or(""), '\n')) {
        const std::vector<std::string> words = split(line, ' ');  // cpu user system
        if (words.size() != 3) continue;
        const auto user = to_number(words[1]), kernel = to_number(words[2]);
        if (!user || !kernel) continue;  // the heading
        cpu.per_cpu_user.emplace_back(*user);
        cpu.per_cpu_kernel.emplace_back(*kernel);
    }
    for (const std::string& word :
         split(trim(files.read("cpuacct", "cpuacct.usage_percpu").value_or("")), ' '))
        if (const auto ns = to_number(word)) cpu.per_cpu.emplace_back(*ns);
}

std::optional<MemoryStats> memory_v1(const CgroupStatFiles& files) {
    if (!files.read("memory", "memory.usage_in_bytes")) return std::nullopt;
    MemoryStats memory;
    memory.memory = v1_usage(files, "memory");
    memory.swap = v1_usage(files, "memory.memsw");
    memory.kernel = v1_usage(files, "memory.kmem");
    memory.kernel_tcp = v1_usage(files, "memory.kmem.tcp");
    memory.raw = flat_keyed(files.read("memory", "memory.stat"));
    memory.cache = number_of(memory.raw, "total_cache");
    return memory;
}

BlockIoStats block_io_v1(const CgroupStatFiles& files) {
    BlockIoStats io;
    io.bytes = first_with_entries(
        files, {"blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes_recursive",
                "blkio.throttle.io_service_bytes"});
    io.operations =
        first_with_entries(files, {"blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive",
                                   "blkio.throttle.io_serviced"});
    io.queued = v1_entries(files, "blkio.bfq.io_queued_recursive");
    io.service_time = v1_entries(files, "blkio.bfq.io_service_time_recursive");
    io.wait_time = v1_entries(files, "blkio.bfq.io_wait_time_recursive");
    io.merged = v1_entries(files, "blkio.bfq.io_merged_recursive");
    io.time = v1_entries(files, "blkio.bfq.time_recursive");
    io.sectors = v1_entries(files, "blkio.bfq.sectors_recursive");
    return io;
}

}  // namespace stack::cgroup_stats
