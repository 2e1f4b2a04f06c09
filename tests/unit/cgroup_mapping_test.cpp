// Which files get which values, for each kind of host: the pure half of cgroups.
#include "runtime/base/error.hpp"
#include "runtime/cgroup.hpp"

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
    for (const char* name : {"cgroup.procs", "../memory.max", "memory", "memory.", ".max", "a/b.c"}) {
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

TEST(CgroupV1, DeviceRulesKeepTheirOrderAndWildcards) {
    EXPECT_EQ(texts(v1_device_writes(
                  {{false, 'a', {}, {}, "rwm"}, {true, 'c', 1, 3, "rwm"}, {true, 'b', 8, {}, "r"}})),
              (Lines{"devices.deny = a", "devices.allow = c 1:3 rwm", "devices.allow = b 8:* r"}));
}

}  // namespace
}  // namespace stack
