// depends_on conditions, health checks, restart policies and --wait.
#include "tests/support/eventually.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;

class Dependencies : public StackTest {};
class Health : public StackTest {};
class Restart : public StackTest {};

TEST_F(Dependencies, WaitForTheMigrationToSucceed) {
    up(R"(
services:
  app:
    image: payload
    command: [sh, -c, 'cat /shared/migrated; stack-payload sleep']
    volumes: [shared:/shared]
    depends_on: {migrate: {condition: service_completed_successfully}}
  migrate:
    image: payload
    command: [sh, -c, 'sleep 0.3; echo migrated > /shared/migrated']
    volumes: [shared:/shared]
volumes: {shared: }
)");
    EXPECT_TRUE(eventually([&] { return logs("app") == "migrated\n"; })) << logs("app");
}

TEST_F(Dependencies, FailureOfTheMigrationLeavesTheDependantCreated) {
    stack().compose(R"(
services:
  app:
    image: payload
    command: [stack-payload, sleep]
    depends_on: {migrate: {condition: service_completed_successfully}}
  migrate: {image: payload, command: [stack-payload, exit, '3']}
)");
    const Outcome outcome = stack().run({"up", "-d"});
    EXPECT_EXIT_CODE(outcome, 1);
    EXPECT_THAT(outcome.err, HasSubstr("service \"migrate\" didn't complete successfully: exit 3"));
    EXPECT_EQ(container("app").value("State", ""), "created");
}

TEST_F(Dependencies, WaitForHealth) {
    up(R"(
services:
  app:
    image: payload
    command: [sh, -c, 'stack-payload connect db 80; stack-payload sleep']
    depends_on: {db: {condition: service_healthy}}
  db:
    image: payload
    command: [sh, -c, 'sleep 0.5; stack-payload http 80']
    healthcheck: {test: [CMD, stack-payload, connect, 127.0.0.1, '80'], interval: 100ms, retries: 100}
)");
    EXPECT_TRUE(eventually([&] { return logs("app") == "connected\n"; })) << logs("app");
    EXPECT_EQ(container("db").value("Health", ""), "healthy");
}

TEST_F(Dependencies, AnUnhealthyServiceFailsItsDependants) {
    stack().compose(R"(
services:
  app: {image: payload, command: [stack-payload, sleep], depends_on: {db: {condition: service_healthy}}}
  db:
    image: payload
    command: [stack-payload, sleep]
    healthcheck: {test: [CMD, 'false'], interval: 100ms, retries: 2}
)");
    const Outcome outcome = stack().run({"up", "-d"});
    EXPECT_EXIT_CODE(outcome, 1);
    EXPECT_THAT(outcome.err, HasSubstr("dependency failed to start: container " + stack().container("db") +
                                       " is unhealthy"));
}

TEST_F(Health, WaitReturnsOnceHealthy) {
    up(R"(
services:
  web:
    image: payload
    command: [sh, -c, 'sleep 0.5; touch /tmp/ready; stack-payload sleep']
    healthcheck: {test: test -e /tmp/ready, interval: 100ms, retries: 100}
)",
       {"--wait"});
    EXPECT_EQ(container("web").value("Health", ""), "healthy");
}

TEST_F(Health, WaitFailsWhenAServiceEnds) {
    stack().compose(R"(
services:
  web: {image: payload, command: [stack-payload, exit, '5', '200']}
  slow:
    image: payload
    command: [stack-payload, sleep]
    healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 100}
)");
    const Outcome outcome = stack().run({"up", "-d", "--wait"});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("container " + stack().container("web") + " exited (5)"));
}

TEST_F(Restart, OnFailureTriesAsOftenAsSaid) {
    up(R"(
services:
  web:
    image: payload
    command: [sh, -c, 'echo attempt; exit 1']
    restart: on-failure:2
)");
    EXPECT_TRUE(eventually([&] { return logs("web") == "attempt\nattempt\nattempt\n"; })) << logs("web");
    EXPECT_TRUE(reaches("web", "exited"));
    EXPECT_EQ(logs("web"), "attempt\nattempt\nattempt\n");
}

TEST_F(Restart, AManualStopEndsIt) {
    up("services: {web: {image: payload, command: [stack-payload, sleep], restart: always}}");
    EXPECT_EXIT_CODE(stack().run({"stop", "-t", "5", "web"}), 0);
    EXPECT_EQ(container("web").value("State", ""), "exited");
}

}  // namespace
}  // namespace stack::test
