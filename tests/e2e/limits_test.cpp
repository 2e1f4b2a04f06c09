// Limits as the kernel enforces them. Runs on the host's hierarchy and once more on pure cgroup v2.
#include "tests/support/stack_test_fixture.hpp"

#include <algorithm>
#include <cstdio>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class Limits : public StackTest {};

TEST_F(Limits, MemoryEndsTheServiceWith137AndPsSaysWhy) {
    up("services: {hungry: {image: payload, mem_limit: 64m, command: [stack-payload, memory, '200']}}");
    ASSERT_TRUE(reaches("hungry", "exited"));
    EXPECT_EQ(container("hungry").value("ExitCode", -1), 137);
    EXPECT_EQ(logs("hungry"), "");
    const std::string table = stack().run({"ps", "-a"}).out;
    EXPECT_THAT(table, AnyOf(HasSubstr("memory"), HasSubstr("OOM"))) << table;
}

TEST_F(Limits, MemoryLeavesWhatFits) {
    up("services: {modest: {image: payload, mem_limit: 64m, command: [stack-payload, memory, '40']}}");
    ASSERT_TRUE(reaches("modest", "exited"));
    EXPECT_EQ(container("modest").value("ExitCode", -1), 0);
    EXPECT_EQ(logs("modest"), "touched 40 MiB\n");
}

TEST_F(Limits, PidsStopAForkBomb) {
    up("services: {bomb: {image: payload, pids_limit: 20, command: [stack-payload, forks, '1000']}}");
    ASSERT_TRUE(reaches("bomb", "exited"));
    EXPECT_EQ(logs("bomb"), "made 19: EAGAIN\n");
}

// Nobody can give the service more than its limit: that is the upper bound, however busy the host is. Its neighbours can give
// it less, so the lower bound is about the periods that the limit has cut short: each had all of its 50 ms by then.
// Best of three: a virtual machine that the host stops puts that time down to the service, now and then.
TEST_F(Limits, CpusAreHeldWithinTenPercent) {
    long least = 100;
    for (int round = 0; round < 3 && least > 55; ++round) {
        EXPECT_EXIT_CODE(without_file({"down"}), 0);
        up("services: {busy: {image: payload, cpus: 0.5, command: [stack-payload, burn, '3000', '2']}}");
        ASSERT_TRUE(reaches("busy", "exited"));
        const std::string said = logs("busy");
        long percent = 0, ms = 0, throttled = 0;
        ASSERT_EQ(std::sscanf(said.c_str(), "cpu %ld%% %ld ms throttled %ld", &percent, &ms, &throttled), 3)
            << said;
        least = std::min(least, percent);
        EXPECT_GT(throttled, 0) << said;
        EXPECT_GE(ms, 45 * throttled) << said;
    }
    EXPECT_LE(least, 55);
}

}  // namespace
}  // namespace stack::test
