// Limits as the kernel enforces them. Runs on the host's hierarchy and once more on pure cgroup v2.
#include "tests/support/stack_test_fixture.hpp"

#include <algorithm>
#include <cstdlib>

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

TEST_F(Limits, CpusAreHeldWithinTenPercent) {
    up("services: {busy: {image: payload, cpus: 0.5, command: [stack-payload, burn, '3000', '2']}}");
    double percent = 0;
    // A neighbour can take time away from the service, but nobody can give it more than its limit: the upper bound
    // holds at every attempt, the lower one at the best of them.
    for (int attempt = 0; attempt < 4 && percent < 45.0; ++attempt) {
        if (attempt > 0) EXPECT_EXIT_CODE(stack().run({"up", "-d", "--force-recreate"}), 0);
        ASSERT_TRUE(reaches("busy", "exited"));
        const std::string said = logs("busy");
        ASSERT_THAT(said, HasSubstr("cpu "));
        const double now = std::atof(said.c_str() + said.rfind("cpu ") + 4);
        EXPECT_LE(now, 55.0);
        percent = std::max(percent, now);
    }
    EXPECT_GE(percent, 45.0);
}

}  // namespace
}  // namespace stack::test
