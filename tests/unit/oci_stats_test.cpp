// The lines of `events`, key by key.
#include "runtime/oci/stats_json.hpp"

#include <gtest/gtest.h>

namespace stack::oci {
namespace {

using std::chrono::nanoseconds;

TEST(OciStats, HaveRuncsLayout) {
    CgroupStats stats;
    stats.cpu.total = nanoseconds{30};
    stats.cpu.user = nanoseconds{20};
    stats.cpu.kernel = nanoseconds{10};
    stats.cpu.per_cpu = {nanoseconds{30}};
    stats.cpu.throttled_periods = 2;
    stats.cpu.pressure = Pressure{PressureLine{1.5, 0, 0, std::chrono::microseconds{7}}, {}};
    stats.memory.emplace();
    stats.memory->memory = {1000, 2000, 1, 4096};
    stats.memory->cache = 5;
    stats.memory->raw = {{"anon", 600}};
    stats.pids = PidsStats{2, 10};
    stats.block_io.bytes = {{8, 0, "Read", 512}};
    stats.hugepages["2MB"] = {4096, 0, 3, std::nullopt};
    stats.rdma.current["mlx4_0"] = {{"hca_handle", 2}, {"hca_object", std::nullopt}};
    stats.cpuset_cpus = {0, 1};
    EXPECT_EQ(
        stats_event("c1", stats),
        R"({"type":"stats","id":"c1","data":{"cpu":{"usage":{"total":30,"percpu":[30],"kernel":10,"user":20},)"
        R"("throttling":{"throttledPeriods":2},"psi":{"some":{"avg10":1.5,"avg60":0.0,"avg300":0.0,"total":7}}},)"
        R"("cpuset":{"cpus":[0,1]},)"
        R"("memory":{"cache":5,"usage":{"limit":4096,"usage":1000,"max":2000,"failcnt":1},)"
        R"("swap":{"limit":18446744073709551615,"failcnt":0},"kernel":{"limit":18446744073709551615,"failcnt":0},)"
        R"("kernelTCP":{"limit":18446744073709551615,"failcnt":0},"raw":{"anon":600}},)"
        R"("pids":{"current":2,"limit":10},)"
        R"("blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":512}]},)"
        R"("hugetlb":{"2MB":{"usage":4096,"failcnt":3}},)"
        R"("rdma":{"current":[{"device":"mlx4_0","hcaHandles":2,"hcaObjects":4294967295}]},)"
        R"("intel_rdt":{},"network_interfaces":null}})");
}

TEST(OciStats, OfNothingAreEmptyParts) {
    EXPECT_EQ(
        stats_event("c1", {}),
        R"({"type":"stats","id":"c1","data":{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},)"
        R"("cpuset":{},"memory":{},"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}})");
    EXPECT_EQ(oom_event("c1"), R"({"type":"oom","id":"c1"})");
}

}  // namespace
}  // namespace stack::oci
