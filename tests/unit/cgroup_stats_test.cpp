// Statistics from the texts of cgroup files, as kernels write them.
#include "runtime/cgroup_stats.hpp"

#include <map>

#include <gtest/gtest.h>

namespace stack {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

/// `files` by "controller/file"; those of `v1` are asked by v1 names.
CgroupStats stats_of(const std::map<std::string, std::string>& files, std::vector<std::string> v1 = {}) {
    CgroupStatFiles source;
    source.read = [&files](std::string_view controller,
                           const std::string& file) -> std::optional<std::string> {
        const auto at = files.find(std::string{controller} + '/' + file);
        return at == files.end() ? std::nullopt : std::optional{at->second};
    };
    source.on_v1 = [v1](std::string_view name) { return std::find(v1.begin(), v1.end(), name) != v1.end(); };
    source.hugepage_sizes = {"1GB", "2MB"};
    return collect_stats(source);
}

TEST(CgroupStats, ReadsEveryControllerOfV2) {
    const CgroupStats stats = stats_of({
        {"/cpu.stat", "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnice_usec 0\n"},
        {"/cpu.pressure", "some avg10=1.50 avg60=0.10 avg300=0.00 total=77\n"},
        {"cpu/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_usec 9\n"},
        {"memory/memory.current", "1000\n"},
        {"memory/memory.peak", "2000\n"},
        {"memory/memory.max", "4096\n"},
        {"memory/memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n"},
        {"memory/memory.swap.current", "10\n"},
        {"memory/memory.swap.max", "96\n"},
        {"memory/memory.stat", "anon 600\nfile 400\nkernel 50\ninactive_file 300\n"},
        {"pids/pids.current", "2\n"},
        {"pids/pids.max", "max\n"},
        {"io/io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n252:3 \n"},
        {"hugetlb/hugetlb.2MB.current", "2097152\n"},
        {"hugetlb/hugetlb.2MB.max", "max\n"},
        {"hugetlb/hugetlb.2MB.events", "max 5\n"},
        {"rdma/rdma.current", "mlx4_0 hca_handle=2 hca_object=7\n"},
        {"rdma/rdma.max", "mlx4_0 hca_handle=3 hca_object=max\n"},
        {"cpuset/cpuset.cpus.effective", "0-2,5\n"},
    });
    EXPECT_EQ(stats.cpu.total, microseconds{3000});
    EXPECT_EQ(stats.cpu.kernel, microseconds{1000});
    EXPECT_EQ(stats.cpu.throttled_periods, 4u);
    EXPECT_EQ(stats.cpu.throttled_time, microseconds{9});
    EXPECT_EQ(stats.cpu.pressure->some->avg10, 1.5);
    EXPECT_EQ(stats.cpu.pressure->some->total, microseconds{77});
    EXPECT_FALSE(stats.cpu.pressure->full.has_value());
    EXPECT_EQ(stats.memory->memory, (UsageStats{1000, 2000, 3, 4096}));
    EXPECT_EQ(stats.memory->swap, (UsageStats{1010, 0, 0, 4192}));
    EXPECT_EQ(stats.memory->cache, 400u);
    EXPECT_EQ(stats.memory->working_set(), 700u);
    EXPECT_EQ(stats.memory->raw.size(), 4u);
    EXPECT_EQ(*stats.pids, (PidsStats{2, std::nullopt}));
    EXPECT_EQ(stats.block_io.bytes,
              (std::vector<BlockIoEntry>{{8, 0, "Read", 10}, {8, 0, "Write", 20}, {8, 0, "Discard", 0}}));
    EXPECT_EQ(stats.block_io.operations[1], (BlockIoEntry{8, 0, "Write", 2}));
    EXPECT_EQ(stats.hugepages, (std::map<std::string, UsageStats>{{"2MB", {2097152, 0, 5, std::nullopt}}}));
    EXPECT_EQ(stats.rdma.current.at("mlx4_0").at("hca_object"), 7u);
    EXPECT_EQ(stats.rdma.limit.at("mlx4_0").at("hca_object"), std::nullopt);
    EXPECT_EQ(stats.cpuset_cpus, (std::vector<std::uint16_t>{0, 1, 2, 5}));
}

TEST(CgroupStats, ReadsEveryControllerOfV1) {
    const CgroupStats stats = stats_of(
        {
            {"cpuacct/cpuacct.usage", "5000\n"},
            {"cpuacct/cpuacct.stat", "user 3\nsystem 2\n"},
            {"cpuacct/cpuacct.usage_percpu", "4000 1000 \n"},
            {"cpuacct/cpuacct.usage_all", "cpu user system\n0 3000 1000\n1 900 100\n"},
            {"cpu/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 9\n"},
            {"memory/memory.usage_in_bytes", "1000\n"},
            {"memory/memory.max_usage_in_bytes", "2000\n"},
            {"memory/memory.failcnt", "3\n"},
            {"memory/memory.limit_in_bytes", "9223372036854771712\n"},
            {"memory/memory.stat", "cache 1\ntotal_cache 400\ntotal_inactive_file 300\n"},
            {"blkio/blkio.throttle.io_service_bytes_recursive",
             "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n"},
            {"blkio/blkio.bfq.sectors_recursive", "8:0 77\n"},
            {"hugetlb/hugetlb.1GB.usage_in_bytes", "0\n"},
            {"hugetlb/hugetlb.1GB.failcnt", "1\n"},
            {"cpuset/cpuset.effective_mems", "0\n"},
        },
        {"cpu", "cpuacct", "memory", "blkio", "hugetlb", "cpuset"});
    EXPECT_EQ(stats.cpu.total, nanoseconds{5000});
    EXPECT_EQ(stats.cpu.per_cpu, (std::vector<nanoseconds>{nanoseconds{4000}, nanoseconds{1000}}));
    EXPECT_EQ(stats.cpu.per_cpu_kernel[1], nanoseconds{100});
    EXPECT_EQ(stats.cpu.throttled_time, nanoseconds{9});
    EXPECT_EQ(stats.memory->memory, (UsageStats{1000, 2000, 3, std::nullopt}));
    EXPECT_EQ(stats.memory->working_set(), 700u);
    EXPECT_EQ(stats.memory->cache, 400u);
    EXPECT_EQ(stats.block_io.bytes.size(), 3u);
    EXPECT_EQ(stats.block_io.sectors, (std::vector<BlockIoEntry>{{8, 0, "", 77}}));
    EXPECT_EQ(stats.hugepages.at("1GB").failures, 1u);
    EXPECT_EQ(stats.cpuset_mems, std::vector<std::uint16_t>{0});
    EXPECT_FALSE(stats.pids.has_value());
}

TEST(CgroupStats, OfAHostWithoutControllersAreEmpty) {
    EXPECT_EQ(stats_of({}), CgroupStats{});
}

TEST(CgroupStats, SurviveWhatNoKernelWrites) {
    const CgroupStats stats =
        stats_of({{"io/io.stat", ":\n8:0 =1 rbytes= x rbytes=z\n8:0:1 rbytes=1\n\n8 rbytes=1"},
                  {"/cpu.pressure", "some\nfull avg10=x avg60=0 avg300=0 total=1\n"},
                  {"memory/memory.current", "lots"},
                  {"cpuset/cpuset.cpus.effective", "3-1,99999999"}});
    EXPECT_TRUE(stats.block_io.bytes.empty());
    EXPECT_FALSE(stats.cpu.pressure.has_value());
    EXPECT_EQ(stats.memory->memory.usage, 0u);
    EXPECT_TRUE(stats.cpuset_cpus.empty());
}

}  // namespace
}  // namespace stack
