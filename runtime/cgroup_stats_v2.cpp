#include "runtime/base/text.hpp"
#include "runtime/cgroup_files.hpp"
#include "runtime/cgroup_stats_parts.hpp"

namespace stack::cgroup_stats {

using cgroup_files::to_number;
using std::chrono::microseconds;

void add_cpu_v2(const CgroupStatFiles& files, CpuStats& cpu) {
    // cpu.stat belongs to the core: it is there without the controller too.
    const Numbers stat = flat_keyed(files.read("", "cpu.stat"));
    if (cpu.total || !stat.contains("usage_usec")) return;
    cpu.total = microseconds{number_of(stat, "usage_usec")};
    cpu.user = microseconds{number_of(stat, "user_usec")};
    cpu.kernel = microseconds{number_of(stat, "system_usec")};
}

std::optional<MemoryStats> memory_v2(const CgroupStatFiles& files) {
    if (!files.read("memory", "memory.current")) return std::nullopt;
    MemoryStats memory;
    memory.memory = {number_in(files, "memory", "memory.current"), number_in(files, "memory", "memory.peak"),
                     number_of(flat_keyed(files.read("memory", "memory.events")), "max"),
                     limit_in(files, "memory", "memory.max")};
    memory.swap = {number_in(files, "memory", "memory.swap.current"),
                   number_in(files, "memory", "memory.swap.peak"),
                   number_of(flat_keyed(files.read("memory", "memory.swap.events")), "max"),
                   limit_in(files, "memory", "memory.swap.max")};
    memory.swap.usage += memory.memory.usage;
    if (memory.swap.limit) {
        if (memory.memory.limit)
            *memory.swap.limit += *memory.memory.limit;
        else
            memory.swap.limit.reset();
    }
    memory.raw = flat_keyed(files.read("memory", "memory.stat"));
    memory.cache = number_of(memory.raw, "file");
    memory.kernel.usage = number_of(memory.raw, "kernel");
    return memory;
}

BlockIoStats block_io_v2(const CgroupStatFiles& files) {
    BlockIoStats io;
    for (const std::string& line : split(files.read("io", "io.stat").value_or(""), '\n')) {
        const std::vector<std::string> words = split(line, ' ');  // 8:0 rbytes=4096 wbytes=0 rios=1 …
        const std::vector<std::string> device = split(words[0], ':');
        const auto major = to_number(device[0]), minor = to_number(device.back());
        if (device.size() != 2 || !major || !minor) continue;
        for (std::size_t i = 1; i < words.size(); ++i) {
            const std::size_t equals = words[i].find('=');
            if (equals == std::string::npos || equals == 0) continue;
            const auto value = to_number(std::string_view{words[i]}.substr(equals + 1));
            const std::string_view key = std::string_view{words[i]}.substr(1, equals - 1);
            const char letter = words[i][0];
            const char* op = letter == 'r'   ? "Read"
                             : letter == 'w' ? "Write"
                             : letter == 'd' ? "Discard"
                                             : nullptr;
            if (!value || op == nullptr) continue;
            if (key == "bytes") io.bytes.push_back({*major, *minor, op, *value});
            if (key == "ios") io.operations.push_back({*major, *minor, op, *value});
        }
    }
    return io;
}

}  // namespace stack::cgroup_stats
