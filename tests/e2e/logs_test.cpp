// Logs are complete, in order and reach over the death of the supervisor.
#include "tests/support/eventually.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <signal.h>

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class Logs : public StackTest {};

std::string numbers(int count) {
    std::string text;
    for (int i = 1; i <= count; ++i) text += std::to_string(i) + "\n";
    return text;
}

// The whole texts are megabytes; a failure names the first line that differs.
::testing::AssertionResult same_lines(const std::string& have, const std::string& want) {
    if (have == want) return ::testing::AssertionSuccess();
    std::size_t at = 0;
    while (at < have.size() && at < want.size() && have[at] == want[at]) ++at;
    return ::testing::AssertionFailure()
           << have.size() << " bytes instead of " << want.size() << ", differing from " << at << ": '"
           << have.substr(at, 40) << "' instead of '" << want.substr(at, 40) << "'";
}

TEST_F(Logs, HoldEveryLineInOrder) {
    up("services: {counter: {image: payload, command: [stack-payload, lines, '300000', '3']}}");
    ASSERT_TRUE(reaches("counter", "exited"));
    EXPECT_TRUE(same_lines(logs("counter"), numbers(300000)));
    EXPECT_EQ(container("counter").value("ExitCode", -1), 3);
}

TEST_F(Logs, LoseNothingWhenTheSupervisorIsKilledTenTimes) {
    up(R"(
services:
  counter:
    image: payload
    command: [stack-payload, lines, '300000', '42', '5000', '50']
  web:
    image: payload
    command: [stack-payload, http, '80']
    ports: ['8080:80']
)");
    ASSERT_EQ(http_get_once_up("127.0.0.1", 8080).status, 200);
    std::atomic<bool> done = false;
    std::atomic<int> answered = 0;
    std::string refused;
    std::thread client{[&] {
        while (!done && refused.empty()) {
            const HttpAnswer answer = http_get("127.0.0.1", 8080, "/", std::chrono::seconds{20});
            if (answer.status == 200) ++answered;
            if (answer.status != 200)
                refused = "after " + std::to_string(answered) + " answers: " + answer.error;
        }
    }};
    int killed = 0;
    for (int previous = 0; killed < 10; ++killed) {
        int supervisor = 0;
        if (!eventually([&] { return (supervisor = stack().supervisor()) != 0 && supervisor != previous; }))
            break;
        ::kill(supervisor, SIGKILL);
        previous = supervisor;
    }
    EXPECT_EQ(killed, 10) << "the supervisor did not come back";
    EXPECT_TRUE(reaches("counter", "exited"));
    done = true;
    client.join();
    EXPECT_EQ(refused, "");
    EXPECT_GT(answered, 0);
    EXPECT_TRUE(same_lines(logs("counter"), numbers(300000)));
    EXPECT_EQ(container("counter").value("ExitCode", -1), 42);
}

TEST_F(Logs, PrefixLinesAndEndTheLastOne) {
    up("services: {web: {image: payload, command: [stack-payload, both]}}");
    ASSERT_TRUE(reaches("web", "exited"));
    const Outcome outcome = stack().run({"logs"});
    EXPECT_THAT(outcome.out, HasSubstr("web-1  | to stdout\n"));
    EXPECT_THAT(outcome.out, HasSubstr("web-1  | to stderr\n"));
    EXPECT_THAT(outcome.out, HasSubstr("web-1  | no newline\n"));
    EXPECT_EQ(outcome.err, "");
}

TEST_F(Logs, TailCountsLinesOfEachContainer) {
    up(R"(
services:
  a: {image: payload, command: [stack-payload, lines, '100']}
  b: {image: payload, command: [stack-payload, lines, '100']}
)");
    ASSERT_TRUE(reaches("a", "exited"));
    ASSERT_TRUE(reaches("b", "exited"));
    EXPECT_EQ(stack().run({"logs", "-n", "2", "--no-log-prefix", "a"}).out, "99\n100\n");
    const std::string both = stack().run({"logs", "-n", "1"}).out;
    EXPECT_THAT(both, HasSubstr("a-1  | 100\n"));
    EXPECT_THAT(both, HasSubstr("b-1  | 100\n"));
}

TEST_F(Logs, ShowTimesWhenAsked) {
    up("services: {web: {image: payload, command: [stack-payload, lines, '1']}}");
    ASSERT_TRUE(reaches("web", "exited"));
    EXPECT_THAT(stack().run({"logs", "-t", "--no-log-prefix"}).out,
                MatchesRegex("20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9:]+\\.[0-9]+Z 1\n"));
}

TEST_F(Logs, FollowUntilTheContainerEnds) {
    up("services: {web: {image: payload, command: [stack-payload, ticks, '5', '100']}}");
    Invocation follow;
    follow.args = {"logs", "-f", "--no-log-prefix"};
    follow.limit = std::chrono::seconds{20};
    const Outcome outcome = stack().run(follow);
    EXPECT_EXIT_CODE(outcome, 0);
    EXPECT_EQ(outcome.out, "tick 1\ntick 2\ntick 3\ntick 4\ntick 5\n");
}

TEST_F(Logs, AttachFalseHidesAServiceUnlessItIsNamed) {
    up(R"(
services:
  loud: {image: payload, command: [sh, -c, 'echo loud']}
  quiet: {image: payload, command: [sh, -c, 'echo quiet'], attach: false}
)");
    ASSERT_TRUE(reaches("loud", "exited") && reaches("quiet", "exited"));
    EXPECT_EQ(stack().run({"logs", "--no-log-prefix"}).out, "loud\n");
    EXPECT_EQ(logs("quiet"), "quiet\n");
}

}  // namespace
}  // namespace stack::test
