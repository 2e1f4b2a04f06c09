// SIGKILL at the worst moments. The fixture's `down` and leak check are the other half of every test here.
#include "tests/support/eventually.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <signal.h>

#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kChain = R"(
services:
  db: {image: payload, command: [stack-payload, sleep], volumes: [data:/data]}
  app: {image: payload, command: [stack-payload, sleep], depends_on: [db]}
  web: {image: payload, command: [stack-payload, http, '80'], depends_on: [app], ports: ['8080:80']}
volumes: {data: }
)";

class Crash : public StackTest, public ::testing::WithParamInterface<int> {};

// The parameter is the moment in milliseconds; together they walk through a whole `up`.
TEST_P(Crash, OfUpLeavesNothingThatDownDoesNotRemove) {
    stack().compose(kChain);
    Invocation invocation;
    invocation.args = {"up", "-d"};
    RunningStack up = stack().start(invocation);
    std::this_thread::sleep_for(
        std::chrono::milliseconds{GetParam()});  // the moment is the point of this test
    up.signal(SIGKILL);
    up.wait();
    EXPECT_EXIT_CODE(stack().run({"down", "-v", "-t", "2"}), 0);
    EXPECT_TRUE(nothing_was_created());
}

INSTANTIATE_TEST_SUITE_P(AtMillisecond, Crash, ::testing::Values(1, 3, 6, 10, 15, 20, 30, 45, 60, 90, 150));

class Killed : public StackTest {};

TEST_F(Killed, UpCanBeRepeated) {
    stack().compose(kChain);
    Invocation invocation;
    invocation.args = {"up", "-d"};
    {
        RunningStack up = stack().start(invocation);
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        up.signal(SIGKILL);
        up.wait();
    }
    EXPECT_EXIT_CODE(stack().run(invocation), 0);
    EXPECT_EQ(ps().size(), 3u);
    for (const char* service : {"db", "app", "web"}) EXPECT_TRUE(reaches(service, "running")) << service;
}

TEST_F(Killed, SupervisorComesBackAndKeepsTheContainers) {
    up(kChain);
    const std::string id = container("web").value("ID", "");
    const int before = stack().supervisor();
    ASSERT_NE(before, 0);
    ::kill(before, SIGKILL);
    EXPECT_TRUE(eventually([&] {
        const int now = stack().supervisor();
        return now != 0 && now != before;
    }));
    EXPECT_EQ(container("web").value("ID", ""), id);
    EXPECT_EQ(container("web").value("State", ""), "running");
    EXPECT_EXIT_CODE(exec("web", {"true"}), 0);
}

TEST_F(Killed, ExitDuringTheSupervisorsAbsenceIsNotLost) {
    up("services: {web: {image: payload, command: [stack-payload, exit, '42', '300']}}");
    const int supervisor = stack().supervisor();
    ASSERT_NE(supervisor, 0);
    ::kill(supervisor, SIGKILL);
    EXPECT_TRUE(reaches("web", "exited"));
    EXPECT_EQ(container("web").value("ExitCode", -1), 42);
}

TEST_F(Killed, KeeperAndSupervisorLeaveContainersThatDownCanStop) {
    up(kChain);
    ASSERT_NE(stack().keeper(), 0);
    const int supervisor = stack().supervisor();
    ::kill(stack().keeper(), SIGKILL);
    if (supervisor != 0) ::kill(supervisor, SIGKILL);  // it may have noticed and ended by itself
    EXPECT_TRUE(eventually([&] { return stack().keeper() == 0; }));
    EXPECT_EXIT_CODE(stack().run({"down", "-v", "-t", "2"}), 0);
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(Killed, KeeperAloneLeavesContainersThatDownCanStop) {
    up(kChain);
    ASSERT_NE(stack().keeper(), 0);
    ::kill(stack().keeper(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return stack().keeper() == 0; }));
    EXPECT_EXIT_CODE(stack().run({"down", "-v", "-t", "2"}), 0);
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(Killed, TwoUpsAtOnceDoNotHurtEachOther) {
    stack().compose(kChain);
    Invocation invocation;
    invocation.args = {"up", "-d"};
    RunningStack first = stack().start(invocation);
    RunningStack second = stack().start(invocation);
    EXPECT_EXIT_CODE(first.wait(), 0);
    EXPECT_EXIT_CODE(second.wait(), 0);
    EXPECT_EQ(ps().size(), 3u);
}

}  // namespace
}  // namespace stack::test
