// `up` in the foreground: prefixed logs, Ctrl-C, colours, exit codes.
#include "tests/support/stack_test_fixture.hpp"

#include <signal.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Foreground : public StackTest {
  protected:
    [[nodiscard]] RunningStack start_up(bool terminal) const {
        Invocation up;
        up.args = {"up"};
        up.terminal = terminal;
        return stack().start(std::move(up));
    }
};

constexpr const char* kPair = R"(
services:
  db: {image: payload, command: [stack-payload, on-term, '0']}
  web: {image: payload, command: [stack-payload, on-term, '0'], depends_on: [db]}
)";

TEST_F(Foreground, PrintsPrefixedLinesAndTheExitThenReturns) {
    stack().compose("services: {web: {image: payload, command: [stack-payload, both]}}");
    const Outcome outcome = start_up(false).wait();
    EXPECT_EXIT_CODE(outcome, 0);
    EXPECT_THAT(outcome.out, HasSubstr("Attaching to web-1\n"));
    EXPECT_THAT(outcome.out, HasSubstr("web-1  | to stdout\n"));
    EXPECT_THAT(outcome.out, HasSubstr("web-1  | no newline\n"));
    EXPECT_THAT(outcome.err, HasSubstr("web-1  | to stderr\n"));
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr("web-1 exited with code 0"));
    EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b["))) << "colours where there is no terminal";
}

TEST_F(Foreground, ColoursThePrefixOnATerminal) {
    stack().compose("services: {web: {image: payload, command: [stack-payload, lines, '1']}}");
    const Outcome outcome = start_up(true).wait();
    EXPECT_THAT(outcome.out, HasSubstr("\x1b[36mweb-1  | \x1b[0m1")) << outcome.text();
}

TEST_F(Foreground, InterruptStopsInReverseOrder) {
    stack().compose(kPair);
    RunningStack up = start_up(true);
    ASSERT_TRUE(up.prints("ready", 2)) << up.out_so_far();
    up.type("\x03");
    const Outcome outcome = up.wait();
    EXPECT_EQ(outcome.exit_code, 130) << outcome.text();
    EXPECT_THAT(outcome.out, HasSubstr("Gracefully Stopping... press Ctrl+C again to force"));
    const std::size_t web = outcome.out.find("web-1 exited with code 0");
    const std::size_t db = outcome.out.find("db-1 exited with code 0");
    ASSERT_NE(web, std::string::npos) << outcome.text();
    ASSERT_NE(db, std::string::npos) << outcome.text();
    EXPECT_LT(web, db);
}

TEST_F(Foreground, InterruptDuringTheStartStopsWhatHasStarted) {
    stack().compose(kPair);
    RunningStack up = start_up(true);
    ASSERT_TRUE(up.prints("ready")) << up.out_so_far();  // db runs, web is about to
    up.type("\x03");
    const Outcome outcome = up.wait();
    EXPECT_EQ(outcome.exit_code, 130) << outcome.text();
    EXPECT_EQ(container("db").value("State", ""), "exited");
    EXPECT_NE(container("web").value("State", ""), "running");
}

TEST_F(Foreground, SecondInterruptKills) {
    stack().compose(
        "services: {web: {image: payload, command: [stack-payload, ignore-term], stop_grace_period: 10m}}");
    RunningStack up = start_up(true);
    ASSERT_TRUE(up.prints("ready"));
    up.type("\x03");
    ASSERT_TRUE(up.prints("Gracefully Stopping"));
    up.type("\x03");
    const Outcome outcome = up.wait();
    EXPECT_FALSE(outcome.timed_out) << outcome.text();
    EXPECT_EQ(container("web").value("ExitCode", -1), 137);
}

TEST_F(Foreground, ExitCodeFromGivesThatServicesCode) {
    stack().compose(R"(
services:
  tests: {image: payload, command: [stack-payload, exit, '9', '200']}
  db: {image: payload, command: [stack-payload, sleep]}
)");
    EXPECT_EXIT_CODE(stack().run({"up", "--exit-code-from", "tests", "-t", "2"}), 9);
    EXPECT_EQ(container("db").value("State", ""), "exited");
}

}  // namespace
}  // namespace stack::test
