#include "runtime/cgroup_stats.hpp"

#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup_files.hpp"
#include "runtime/cgroup_stats_parts.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace stack {

using namespace cgroup_stats;

namespace {

std::map<std::string, UsageStats> hugepage_stats(const CgroupStatFiles& files) {
    const bool v1 = files.on_v1("hugetlb");
    std::map<std::string, UsageStats> result;
    for (const std::string& size : files.hugepage_sizes) {
        const std::string name = "hugetlb." + size;
        if (!files.read("hugetlb", name + (v1 ? ".usage_in_bytes" : ".current"))) continue;
        UsageStats& usage = result[size];
        if (v1)
            usage = {number_in(files, "hugetlb", name + ".usage_in_bytes"),
                     number_in(files, "hugetlb", name + ".max_usage_in_bytes"),
                     number_in(files, "hugetlb", name + ".failcnt"),
                     limit_in(files, "hugetlb", name + ".limit_in_bytes")};
        else
            usage = {number_in(files, "hugetlb", name + ".current"), 0,
                     number_of(flat_keyed(files.read("hugetlb", name + ".events")), "max"),
                     limit_in(files, "hugetlb", name + ".max")};
    }
    return result;
}

/// `mlx4_0 hca_handle=2 hca_object=max` lines.
std::map<std::string, std::map<std::string, std::optional<std::uint64_t>>> rdma_in(
    const CgroupStatFiles& files, const std::string& file) {
    std::map<std::string, std::map<std::string, std::optional<std::uint64_t>>> result;
    for (const std::string& line : split(files.read("rdma", file).value_or(""), '\n')) {
        const std::vector<std::string> words = split(line, ' ');
        for (std::size_t i = 1; i < words.size(); ++i)
            if (const std::size_t equals = words[i].find('='); equals != std::string::npos)
                result[words[0]][words[i].substr(0, equals)] =
                    cgroup_files::to_number(std::string_view{words[i]}.substr(equals + 1));
    }
    return result;
}

/// Of the v2 directory itself, wherever the controller lives.
std::optional<Pressure> pressure_in(const CgroupStatFiles& files, const std::string& file) {
    const std::optional<std::string> text = files.read("", file);
    return text ? parse_pressure(*text) : std::nullopt;
}

/// `avg10=0.12`; nullopt when it isn't that.
std::optional<double> share_of(std::string_view word, std::string_view key) {
    if (!word.starts_with(key)) return std::nullopt;
    word.remove_prefix(key.size());
    double value = 0;
    const auto [end, err] = std::from_chars(word.data(), word.data() + word.size(), value);
    return err == std::errc{} && end == word.data() + word.size() ? std::optional{value} : std::nullopt;
}

}  // namespace

Numbers cgroup_stats::flat_keyed(const std::optional<std::string>& text) {
    Numbers result;
    for (const std::string& line : split(text.value_or(""), '\n'))
        if (const std::size_t space = line.find(' '); space != std::string::npos)
            if (const auto value = cgroup_files::to_number(std::string_view{line}.substr(space + 1)))
                result[line.substr(0, space)] = *value;
    return result;
}

std::uint64_t cgroup_stats::number_of(const Numbers& numbers, const std::string& key) {
    const auto at = numbers.find(key);
    return at == numbers.end() ? 0 : at->second;
}

std::uint64_t cgroup_stats::number_in(const CgroupStatFiles& files, std::string_view controller,
                                      const std::string& file) {
    return cgroup_files::to_number(files.read(controller, file).value_or("")).value_or(0);
}

std::optional<std::uint64_t> cgroup_stats::limit_in(const CgroupStatFiles& files, std::string_view controller,
                                                    const std::string& file) {
    constexpr std::uint64_t kUnlimited = 1ull << 62;  // v1 says "unlimited" by a very large number
    const auto value = cgroup_files::to_number(files.read(controller, file).value_or(""));
    return value && *value < kUnlimited ? value : std::nullopt;
}

std::optional<Pressure> parse_pressure(std::string_view text) {
    Pressure pressure;
    for (const std::string& line : split(text, '\n')) {  // some avg10=0.00 avg60=0.00 avg300=0.00 total=0
        const std::vector<std::string> words = split(line, ' ');
        if (words.size() != 5 || !words[4].starts_with("total=")) continue;
        const auto avg10 = share_of(words[1], "avg10="), avg60 = share_of(words[2], "avg60="),
                   avg300 = share_of(words[3], "avg300=");
        const auto total = cgroup_files::to_number(std::string_view{words[4]}.substr(6));
        if (!avg10 || !avg60 || !avg300 || !total) continue;
        const PressureLine values{*avg10, *avg60, *avg300, std::chrono::microseconds{*total}};
        if (words[0] == "some") pressure.some = values;
        if (words[0] == "full") pressure.full = values;
    }
    if (!pressure.some && !pressure.full) return std::nullopt;
    return pressure;
}

std::vector<std::uint16_t> parse_cpu_list(std::string_view text) {
    std::vector<std::uint16_t> result;
    for (const std::string& range : split(trim(text), ',')) {
        const std::size_t dash = range.find('-');
        const auto first = cgroup_files::to_number(std::string_view{range}.substr(0, dash));
        const auto last = dash == std::string::npos
                              ? first
                              : cgroup_files::to_number(std::string_view{range}.substr(dash + 1));
        if (!first || !last || *last > UINT16_MAX || *first > *last) return {};
        for (std::uint64_t cpu = *first; cpu <= *last; ++cpu)
            result.push_back(static_cast<std::uint16_t>(cpu));
    }
    return result;
}

std::vector<std::string> host_hugepage_sizes() {
    std::vector<std::string> sizes;
    for (const std::string& name : list_directory("/sys/kernel/mm/hugepages")) {  // hugepages-2048kB
        constexpr std::string_view kPrefix = "hugepages-", kSuffix = "kB";
        if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
        const auto kib = cgroup_files::to_number(
            std::string_view{name}.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
        if (!kib) continue;
        const bool giga = *kib >= 1024 * 1024, mega = *kib >= 1024;
        sizes.push_back(fmt::format("{}{}",
                                    *kib >> (giga   ? 20
                                             : mega ? 10
                                                    : 0),
                                    giga   ? "GB"
                                    : mega ? "MB"
                                           : "KB"));
    }
    std::sort(sizes.begin(), sizes.end());
    return sizes;
}

std::uint64_t MemoryStats::working_set() const {
    const std::uint64_t droppable =
        number_of(raw, raw.contains("total_inactive_file") ? "total_inactive_file" : "inactive_file");
    return memory.usage - std::min(memory.usage, droppable);
}

CgroupStats collect_stats(const CgroupStatFiles& files) {
    CgroupStats stats;
    add_cpu_v1(files, stats.cpu);
    add_cpu_v2(files, stats.cpu);
    const Numbers throttling = flat_keyed(files.read("cpu", "cpu.stat"));
    stats.cpu.periods = number_of(throttling, "nr_periods");
    stats.cpu.throttled_periods = number_of(throttling, "nr_throttled");
    stats.cpu.throttled_time =
        files.on_v1("cpu")
            ? std::chrono::nanoseconds{number_of(throttling, "throttled_time")}
            : std::chrono::nanoseconds{std::chrono::microseconds{number_of(throttling, "throttled_usec")}};
    stats.memory = files.on_v1("memory") ? memory_v1(files) : memory_v2(files);
    stats.cpu.pressure = pressure_in(files, "cpu.pressure");
    if (stats.memory) stats.memory->pressure = pressure_in(files, "memory.pressure");
    if (files.read("pids", "pids.current"))
        stats.pids = PidsStats{number_in(files, "pids", "pids.current"), limit_in(files, "pids", "pids.max")};
    stats.block_io = files.on_v1("blkio") ? block_io_v1(files) : block_io_v2(files);
    stats.block_io.pressure = pressure_in(files, "io.pressure");
    stats.hugepages = hugepage_stats(files);
    stats.rdma = {rdma_in(files, "rdma.current"), rdma_in(files, "rdma.max")};
    const auto cpuset = [&files](const std::string& kind) {
        const std::string file =
            files.on_v1("cpuset") ? "cpuset.effective_" + kind : "cpuset." + kind + ".effective";
        return parse_cpu_list(files.read("cpuset", file).value_or(""));
    };
    stats.cpuset_cpus = cpuset("cpus");
    stats.cpuset_mems = cpuset("mems");
    return stats;
}

}  // namespace stack
