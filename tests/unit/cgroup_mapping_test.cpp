// Which files get which values, for each kind of host: the pure half of cgroups.
#include "runtime/base/error.hpp"
#include "runtime/cgroup_plan.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace stack {
namespace {

constexpr const char* kHybrid =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices\n"
    "37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kPureV2 = "30 24 0:26 / /sys/fs/my\\040cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

CgroupLayout hybrid() {
    return parse_cgroup_layout(kHybrid, "4:memory:/process\n0::/\n", "hugetlb\n");
}
CgroupLayout pure_v2() {
    return parse_cgroup_layout(kPureV2, "0::/init\n", "cpuset cpu io memory pids\n");
}
CgroupLayout pure_v1() {
    CgroupLayout layout = hybrid();
    layout.mode = CgroupLayout::Mode::v1;
    layout.unified_mount.clear();
    layout.unified_controllers.clear();
    return layout;
}

std::vector<std::string> texts(const std::vector<CgroupWrite>& writes) {
    std::vector<std::string> result;
    result.reserve(writes.size());
    for (const CgroupWrite& write : writes) result.push_back(write.text());
    return result;
}

using Lines = std::vector<std::string>;

ResourceSpec all_limits() {
    ResourceSpec limits;
    limits.memory_limit_bytes = 64 << 20;
    limits.memory_reservation_bytes = 32 << 20;
    limits.cpu_shares = 512;
    limits.cpu_quota_us = 50000;
    limits.cpu_period_us = 100000;
    limits.cpuset_cpus = "0-1";
    limits.pids_limit = 20;
    return limits;
}

TEST(CgroupLayout, ReadsAHybridHost) {
    const CgroupLayout layout = hybrid();
    EXPECT_EQ(layout.mode, CgroupLayout::Mode::hybrid);
    EXPECT_EQ(layout.unified_mount, "/sys/fs/cgroup/unified");
    EXPECT_EQ(layout.v1_mounts.at("cpuacct"), "/sys/fs/cgroup/cpu,cpuacct");
    EXPECT_EQ(layout.v1_mounts.size(), 6u);  // name=systemd is no controller
    EXPECT_EQ(layout.own_paths.at("memory"), "/process");
    EXPECT_EQ(layout.unified_controllers, Lines{"hugetlb"});
}

TEST(CgroupLayout, ReadsAPureV2HostWithAnEscapedMountPoint) {
    const CgroupLayout layout = pure_v2();
    EXPECT_EQ(layout.mode, CgroupLayout::Mode::v2);
    EXPECT_EQ(layout.unified_mount, "/sys/fs/my cgroup");
    EXPECT_EQ(layout.own_paths.at(""), "/init");
    EXPECT_EQ(layout.unified_controllers, (Lines{"cpu", "cpuset", "io", "memory", "pids"}));
}

TEST(CgroupLayout, SurvivesGarbage) {
    EXPECT_EQ(parse_cgroup_layout("x - y\n - cgroup\n\n", "::\nnonsense", " ").mode,
              CgroupLayout::Mode::none);
}

TEST(CgroupV2, WritesEveryLimit) {
    EXPECT_EQ(texts(v2_writes(all_limits())),
              (Lines{"memory.max = 67108864", "memory.swap.max = 67108864", "memory.low = 33554432",
                     "cpu.weight = 59", "cpu.max = 50000 100000", "cpuset.cpus = 0-1", "pids.max = 20"}));
}

TEST(CgroupV1, WritesEveryLimitMemoryBeforeMemoryPlusSwap) {
    EXPECT_EQ(
        texts(v1_writes(all_limits())),
        (Lines{"memory.limit_in_bytes = 67108864", "memory.memsw.limit_in_bytes = 134217728",
               "memory.soft_limit_in_bytes = 33554432", "cpu.shares = 512", "cpu.cfs_period_us = 100000",
               "cpu.cfs_quota_us = 50000", "cpuset.cpus = 0-1", "pids.max = 20"}));
}

TEST(CgroupMemory, SwapLimitIsTheSumOnV1AndTheDifferenceOnV2) {
    ResourceSpec limits;
    limits.memory_limit_bytes = 100;
    limits.memory_swap_bytes = 130;
    EXPECT_EQ(texts(v1_writes(limits)),
              (Lines{"memory.limit_in_bytes = 100", "memory.memsw.limit_in_bytes = 130"}));
    EXPECT_EQ(texts(v2_writes(limits)), (Lines{"memory.max = 100", "memory.swap.max = 30"}));
    limits.memory_swap_bytes = 100;  // as Docker says "no swap"
    EXPECT_EQ(texts(v2_writes(limits)), (Lines{"memory.max = 100", "memory.swap.max = 0"}));
    limits.memory_swap_bytes = -1;
    EXPECT_EQ(texts(v2_writes(limits)), (Lines{"memory.max = 100", "memory.swap.max = max"}));
    limits.memory_limit_bytes = -1;
    EXPECT_EQ(texts(v2_writes(limits)), (Lines{"memory.max = max", "memory.swap.max = max"}));
}

TEST(CgroupMemory, RefusesContradictions) {
    ResourceSpec limits;
    limits.memory_limit_bytes = 100;
    limits.memory_swap_bytes = 99;
    EXPECT_THROW(v2_writes(limits), Error);
    limits.memory_limit_bytes.reset();
    EXPECT_THROW(v1_writes(limits), Error);
}

TEST(CgroupV2, UnlimitedPidsAndAPeriodWithoutQuota) {
    ResourceSpec limits;
    limits.pids_limit = -1;
    limits.cpu_period_us = 50000;
    EXPECT_EQ(texts(v2_writes(limits)), (Lines{"cpu.max = max 50000", "pids.max = max"}));
}

TEST(CgroupV2, PassesUnifiedFilesLastAndNothingButControllerFiles) {
    ResourceSpec limits;
    limits.memory_limit_bytes = 100;
    limits.unified = {{"memory.max", "200"}};
    EXPECT_EQ(texts(v2_writes(limits)).back(), "memory.max = 200");
    for (const char* name : {"cgroup.procs", "../memory.max", "memory", "memory.", ".max", "a/b.c",
                             "memory/../cpu.max", "memory...max", "nothing.max", "memory.max/x", ""}) {
        limits.unified = {{name, "1"}};
        EXPECT_THROW(v2_writes(limits), Error) << name;
    }
}

TEST(CgroupV2, WeightKeepsTheDefaultsOfBothScales) {
    EXPECT_EQ(cpu_weight_of_shares(2), 1u);
    EXPECT_EQ(cpu_weight_of_shares(1024), 100u);
    EXPECT_EQ(cpu_weight_of_shares(262144), 10000u);
    EXPECT_EQ(cpu_weight_of_shares(0), 1u);
}

TEST(CgroupCpu, IdleBurstAndTheWeightThatIdleReplaces) {
    ResourceSpec limits;
    limits.cpu_shares = 512;
    limits.cpu_idle = 1;
    limits.cpu_quota_us = 50000;
    limits.cpu_burst_us = 20000;
    EXPECT_EQ(texts(v2_writes(limits)),
              (Lines{"cpu.idle = 1", "cpu.max = 50000 100000", "cpu.max.burst = 20000"}));
    limits.cpu_idle = 0;
    EXPECT_EQ(texts(v1_writes(limits)), (Lines{"cpu.idle = 0", "cpu.shares = 512", "cpu.cfs_quota_us = 50000",
                                               "cpu.cfs_burst_us = 20000"}));
    limits.cpu_idle = 2;
    EXPECT_THROW(v2_writes(limits), Error);
}

TEST(CgroupHugepages, LimitsUsedAndReservedPages) {
    ResourceSpec limits;
    limits.hugepages = {{"2MB", 4 << 20}, {"1GB", 0}};
    EXPECT_EQ(texts(v2_writes(limits)), (Lines{"hugetlb.2MB.max = 4194304", "hugetlb.2MB.rsvd.max = 4194304",
                                               "hugetlb.1GB.max = 0", "hugetlb.1GB.rsvd.max = 0"}));
    limits.hugepages = {{"2MB", 4 << 20}};
    EXPECT_EQ(texts(v1_writes(limits)),
              (Lines{"hugetlb.2MB.limit_in_bytes = 4194304", "hugetlb.2MB.rsvd.limit_in_bytes = 4194304"}));
    for (const char* size : {"", "MB", "2", "2mb", "2MB/x", "02MB", "2TB", "-2MB"}) {
        limits.hugepages = {{size, 1}};
        EXPECT_THROW(v2_writes(limits), Error) << size;
    }
}

BlockIoSpec all_block_io() {
    BlockIoSpec io;
    io.weight = 505;
    io.weight_devices = {{8, 0, 1000, {}}};
    io.read_bps = {{8, 0, 1048576, {}}, {8, 16, 0, {}}};
    io.write_iops = {{8, 0, 50, {}}};
    return io;
}

TEST(CgroupBlockIo, WeightsForBfqOrConvertedAndRatesByDevice) {
    const std::vector<CgroupWrite> writes = v2_block_io_writes(all_block_io());
    EXPECT_EQ(texts(writes),
              (Lines{"io.bfq.weight = 505", "io.bfq.weight = 8:0 1000", "io.max = 8:0 rbps=1048576",
                     "io.max = 8:16 rbps=max", "io.max = 8:0 wiops=50"}));
    EXPECT_EQ(writes[0].other_file, "io.weight");
    EXPECT_EQ(writes[0].other_value, "5000");
    EXPECT_EQ(writes[1].other_value, "8:0 10000");
    EXPECT_EQ(
        texts(v1_block_io_writes(all_block_io())),
        (Lines{"blkio.bfq.weight = 505", "blkio.bfq.weight_device = 8:0 1000",
               "blkio.throttle.read_bps_device = 8:0 1048576", "blkio.throttle.read_bps_device = 8:16 0",
               "blkio.throttle.write_iops_device = 8:0 50"}));
    EXPECT_EQ(io_weight_of_blkio(10), 1u);
    EXPECT_EQ(io_weight_of_blkio(1000), 10000u);
    BlockIoSpec bad;
    bad.weight = 5;
    EXPECT_THROW(v2_block_io_writes(bad), Error);
}

TEST(CgroupPlan, BlockIoGoesToTheControllerOfEitherName) {
    ResourceSpec limits;
    limits.block_io.read_bps = {{8, 0, 1000, {}}};
    EXPECT_EQ(plan_cgroup(pure_v2(), limits, true).v2_controllers, (Lines{"io", "memory", "pids"}));
    CgroupLayout layout = hybrid();
    layout.v1_mounts["blkio"] = "/sys/fs/cgroup/blkio";
    const CgroupPlan plan = plan_cgroup(layout, limits, true);
    EXPECT_EQ(plan.v1_controllers, (Lines{"blkio", "memory"}));
    EXPECT_TRUE(plan.v2_writes.empty());
}

TEST(CgroupPlan, NamesTheLimitThatThisVersionDoesNotHave) {
    const auto refusal = [](const CgroupLayout& layout, const ResourceSpec& limits) -> std::string {
        try {
            plan_cgroup(layout, limits, true);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::not_supported);
            return error.what();
        }
        return "accepted";
    };
    ResourceSpec limits;
    limits.memory_swappiness = 10;
    EXPECT_EQ(refusal(pure_v2(), limits),
              "limit memory.swappiness can't be enforced: cgroup v2 has no such setting");
    EXPECT_EQ(refusal(hybrid(), limits), "accepted");
    limits = {};
    limits.disable_oom_killer = true;
    EXPECT_EQ(refusal(pure_v2(), limits),
              "limit memory.disableOOMKiller can't be enforced: cgroup v2 has no such setting");
    EXPECT_EQ(refusal(hybrid(), limits), "accepted");
    limits = {};
    limits.block_io.leaf_weight = 100;
    EXPECT_EQ(refusal(pure_v2(), limits),
              "limit blockIO.leafWeight can't be enforced: cgroup v2 has no such setting");
}

TEST(CgroupRollBack, FindsWhatToWriteInWhatWasRead) {
    const auto before = [](CgroupWrite write, const char* content) { return value_before(write, content); };
    EXPECT_EQ(before({"cpu", "cpu.max", "", ""}, "max 100000\n"), "max 100000");
    EXPECT_EQ(before({"cpuset", "cpuset.cpus", "", ""}, "\n"), "\n");
    EXPECT_EQ(before({"memory", "memory.oom_control", "", ""}, "oom_kill_disable 0\nunder_oom 0\n"), "0");
    EXPECT_EQ(before({"io", "io.weight", "", ""}, "default 100\n8:0 200\n"), "default 100");
    const CgroupWrite rate = v2_block_io_writes(all_block_io())[2];
    EXPECT_EQ(before(rate, "8:0 rbps=1 wbps=max riops=max wiops=max\n"),
              "8:0 rbps=1 wbps=max riops=max wiops=max");
    EXPECT_EQ(before(rate, "8:01 rbps=1\n"), "8:0 rbps=max wbps=max riops=max wiops=max");
    ResourceSpec limits;
    limits.unified = {{"io.latency", "8:0 target=500"}};
    EXPECT_EQ(before(v2_writes(limits)[0], ""), "8:0 target=max");
}

TEST(CgroupPlan, UsesEachControllerWhereItLives) {
    CgroupLayout layout = hybrid();
    layout.v1_mounts.erase("pids");
    layout.unified_controllers = {"cpuset", "pids"};
    ResourceSpec limits;
    limits.memory_limit_bytes = 4096;
    limits.pids_limit = 7;
    const CgroupPlan plan = plan_cgroup(layout, limits, true);
    EXPECT_EQ(plan.v1_controllers, (Lines{"memory"}));
    EXPECT_EQ(plan.v2_controllers, (Lines{"pids"}));
    EXPECT_EQ(texts(plan.v1_writes),
              (Lines{"memory.limit_in_bytes = 4096", "memory.memsw.limit_in_bytes = 8192"}));
    EXPECT_EQ(texts(plan.v2_writes), (Lines{"pids.max = 7"}));
    EXPECT_TRUE(plan.device_program);
}

TEST(CgroupPlan, WithoutLimitsTouchesOnlyWhatCountsAndKills) {
    EXPECT_EQ(plan_cgroup(hybrid(), {}, true).v1_controllers, (Lines{"memory"}));
    EXPECT_EQ(plan_cgroup(pure_v2(), {}, true).v2_controllers, (Lines{"memory", "pids"}));
    EXPECT_EQ(plan_cgroup(pure_v1(), {}, false).v1_controllers,
              (Lines{"cpuacct", "devices", "freezer", "memory"}));
    EXPECT_EQ(plan_cgroup(hybrid(), {}, false).v1_controllers, (Lines{"devices", "memory"}));
}

TEST(CgroupPlan, UsesEveryV1ControllerThatCountsWhenAskedTo) {
    const CgroupLayout host = hybrid();
    const Lines without_counts{"cpu", "cpuset", "devices", "net_cls", "net_prio", "perf_event"};
    Lines counting;
    for (const auto& [name, mount] : host.v1_mounts)
        if (std::find(without_counts.begin(), without_counts.end(), name) == without_counts.end())
            counting.push_back(name);
    EXPECT_EQ(plan_cgroup(host, {}, true, CgroupControllers::counting).v1_controllers, counting);
}

TEST(CgroupRdma, WritesALineForEachDevice) {
    ResourceSpec limits;
    limits.rdma = {{"mlx4_0", {2, std::nullopt}}, {"mlx5_1", {std::nullopt, 3}}};
    const Lines lines{"rdma.max = mlx4_0 hca_handle=2 hca_object=max",
                      "rdma.max = mlx5_1 hca_handle=max hca_object=3"};
    EXPECT_EQ(texts(v1_writes(limits)), lines);
    EXPECT_EQ(texts(v2_writes(limits)), lines);
    const std::string before = "mlx4_0 hca_handle=7 hca_object=max\n";
    EXPECT_EQ(value_before(v2_writes(limits)[0], before), "mlx4_0 hca_handle=7 hca_object=max");
    EXPECT_EQ(value_before(v2_writes(limits)[1], before), "mlx5_1 hca_handle=max hca_object=max");
    limits.rdma = {{"a b=max\nc", {}}};
    EXPECT_THROW(static_cast<void>(v2_writes(limits)), Error);
}

TEST(CgroupPlan, NamesTheLimitWhoseControllerIsMissing) {
    ResourceSpec limits;
    limits.cpuset_cpus = "0";
    try {
        plan_cgroup(hybrid(), limits, true);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::not_supported);
        EXPECT_STREQ(error.what(),
                     "limit cpu.cpus can't be enforced: this host has no cgroup controller 'cpuset'");
    }
    limits = {};
    limits.unified = {{"memory.high", "1000"}};  // memory is on v1 here
    EXPECT_THROW(plan_cgroup(hybrid(), limits, true), Error);
    EXPECT_EQ(texts(plan_cgroup(pure_v2(), limits, true).v2_writes), Lines{"memory.high = 1000"});
}

TEST(CgroupV1, DeviceRulesOfALivingGroupChangeWithoutAGap) {
    const std::vector<DeviceRule> rules{{false, 'a', {}, {}, "rwm"},
                                        {true, 'c', 1, 3, "rwm"},
                                        {true, 'c', 10, 200, "rw"},
                                        {true, 'b', 8, {}, "r"}};
    EXPECT_EQ(texts(v1_device_transition("c 1:3 rwm\nc 5:1 rwm\nc 10:200 m\n", rules)),
              (Lines{"devices.allow = b 8:* r", "devices.allow = c 10:200 rw", "devices.deny = c 5:1 rwm",
                     "devices.deny = c 10:200 m"}));
    EXPECT_EQ(v1_device_transition("a *:* rwm\n", rules), v1_device_writes(rules));
    EXPECT_TRUE(v1_device_transition("c 1:3 rwm\nc 10:200 rw\nb 8:* r\n", rules).empty());
    EXPECT_EQ(parse_device_list("a *:* rwm\n"), (std::vector<DeviceRule>{{true, 'a', {}, {}, "rwm"}}));
}

TEST(CgroupV1, RefusesToDenyAPartOfWhatIsAllowed) {
    const DeviceRule none{false, 'a', {}, {}, "rwm"}, misc{true, 'c', 10, {}, "rwm"},
        tun{false, 'c', 10, 200, "w"};
    EXPECT_THROW(v1_device_transition("", {none, misc, tun}), Error);
    const DeviceRule exactly{false, 'c', 10, {}, "w"};
    EXPECT_EQ(texts(v1_device_transition("", {none, misc, exactly})), Lines{"devices.allow = c 10:* rm"});
}

TEST(CgroupV1, DeviceRulesKeepTheirOrderAndWildcards) {
    EXPECT_EQ(texts(v1_device_writes(
                  {{false, 'a', {}, {}, "rwm"}, {true, 'c', 1, 3, "rwm"}, {true, 'b', 8, {}, "r"}})),
              (Lines{"devices.deny = a", "devices.allow = c 1:3 rwm", "devices.allow = b 8:* r"}));
}

}  // namespace
}  // namespace stack
