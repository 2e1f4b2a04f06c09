// The plain life of a project: version, up, ps, exec, logs, down.
#include "runtime/base/child_process.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <signal.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kSleeper = R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
)";

class Program : public StackTest {};
class Up : public StackTest {};
class Down : public StackTest {};
class Exec : public StackTest {};
class Ps : public StackTest {};

TEST_F(Program, TellsItsVersion) {
    const Outcome outcome = stack().run({"version", "--short"});
    EXPECT_EXIT_CODE(outcome, 0);
    EXPECT_THAT(outcome.out, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(Program, RefusesAnUnknownCommandWithASuggestion) {
    const Outcome outcome = stack().run({"upp"});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("up"));
}

TEST_F(Up, DetachedStartsTheServiceAndReturns) {
    up(kSleeper);
    const nlohmann::json web = container("web");
    EXPECT_EQ(web.value("State", ""), "running");
    EXPECT_EQ(web.value("Name", ""), stack().container("web"));
}

// A program that waits for end of file on our output must not wait for the supervisor.
TEST_F(Up, DetachedLeavesNobodyHoldingItsOutput) {
    stack().compose(kSleeper);
    SpawnOptions options;
    options.argv = {StackRunner::program(),
                    "--root",
                    stack().dirs().root(),
                    "--run-root",
                    stack().dirs().run_root(),
                    "up",
                    "-d"};
    options.fds = {-1, -1, -1};
    options.working_dir = stack().dirs().project_dir();
    EXPECT_EQ(run_command(options, 20000).exit_code, 0);
    EXPECT_EQ(container("web").value("State", ""), "running");
}

TEST_F(Up, ScalesAServiceToTheNumberAskedFor) {
    up(kSleeper, {"--scale", "web=3"});
    EXPECT_EQ(ps().size(), 3u);
    EXPECT_EXIT_CODE(stack().run({"up", "-d", "--scale", "web=1"}), 0);
    ASSERT_EQ(ps().size(), 1u);
    EXPECT_EQ(ps().front().value("Name", ""), stack().container("web", 1));
}

TEST_F(Up, PublishesAPortOnEveryLoopbackAddress) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, http, "80", greetings]
    ports: ["8080:80"]
)");
    for (const char* address : {"127.0.0.1", "::1"}) {
        const HttpAnswer answer = http_get_once_up(address, 8080);
        EXPECT_EQ(answer.status, 200) << address << ": " << answer.error;
        EXPECT_THAT(answer.body, HasSubstr("greetings from ")) << address;
    }
}

TEST_F(Down, IsContentWhenNothingIsThere) {
    stack().compose(kSleeper);
    const Outcome outcome = stack().run({"down"});
    EXPECT_EXIT_CODE(outcome, 0);
    EXPECT_THAT(outcome.err,
                HasSubstr("No resource found to remove for project \"" + stack().project() + "\""));
}

TEST_F(Down, RemovesEverythingAndMayBeRepeated) {
    up(kSleeper);
    EXPECT_EXIT_CODE(stack().run({"down", "-t", "1"}), 0);
    EXPECT_TRUE(nothing_was_created());
    EXPECT_EXIT_CODE(stack().run({"down"}), 0);
}

// Whoever looks when `down` has returned sees nothing: no process that is still about to leave.
TEST_F(Down, ReturnsWhenKeeperAndSupervisorHaveLeft) {
    up(kSleeper);
    EXPECT_EXIT_CODE(stack().run({"down", "-t", "5"}), 0);
    EXPECT_THAT(stack().processes(""), ::testing::IsEmpty());
}

TEST_F(Down, WorksWithoutTheFile) {
    up(kSleeper);
    Invocation elsewhere;
    elsewhere.args = {"-p", stack().project(), "down", "-t", "1"};
    elsewhere.working_dir = "/";
    EXPECT_EXIT_CODE(stack().run(elsewhere), 0);
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(Exec, PassesInputOutputAndExitCode) {
    up(kSleeper);
    std::string input;
    for (int i = 0; i < 20000; ++i) input += "line " + std::to_string(i) + "\n";
    Invocation cat;
    cat.args = {"exec", "-T", "web", "sh", "-c", "cat; exit 7"};
    cat.input = input;
    const Outcome outcome = stack().run(cat);
    EXPECT_EQ(outcome.exit_code, 7) << outcome.err;
    EXPECT_TRUE(outcome.out == input) << outcome.out.size() << " of " << input.size() << " bytes came back";
}

TEST_F(Exec, KeepsTheStreamsApart) {
    up(kSleeper);
    const Outcome outcome = exec("web", {"stack-payload", "both"});
    EXPECT_EQ(outcome.out, "to stdout\nno newline");
    EXPECT_EQ(outcome.err, "to stderr\n");
}

TEST_F(Exec, TakesUserDirectoryAndEnvironment) {
    up(kSleeper);
    const Outcome outcome = stack().run({"exec", "-T", "-u", "user", "-w", "/tmp", "-e", "GREETING=hello",
                                         "web", "sh", "-c", "echo $(id -u) $(pwd) $GREETING"});
    EXPECT_EQ(outcome.out, "1000 /tmp hello\n") << outcome.text();
}

TEST_F(Exec, SaysNotFoundNotExecutableAndSignalByCode) {
    up(kSleeper);
    EXPECT_EXIT_CODE(exec("web", {"no-such-command"}), 127);
    EXPECT_EXIT_CODE(exec("web", {"/etc/passwd"}), 126);
    EXPECT_EXIT_CODE(exec("web", {"stack-payload", "die", "9"}), 137);
}

TEST_F(Exec, GivesATerminalOnATerminal) {
    up(kSleeper);
    Invocation shell;
    shell.args = {"exec", "web", "sh", "-c", "tty; stty size"};
    shell.terminal = true;
    const Outcome outcome = stack().run(shell);
    EXPECT_THAT(outcome.out, HasSubstr("/dev/pts/0")) << outcome.text();
    EXPECT_THAT(outcome.out, HasSubstr("24 80"));
}

TEST_F(Ps, ShowsExitCodesOfWhatHasEnded) {
    up(R"(
services:
  good: {image: payload, command: [stack-payload, exit, "0"]}
  bad: {image: payload, command: [stack-payload, exit, "42"]}
  killed: {image: payload, command: [stack-payload, sleep]}
)");
    ASSERT_TRUE(reaches("good", "exited"));
    ASSERT_TRUE(reaches("bad", "exited"));
    EXPECT_EXIT_CODE(stack().run({"kill", "killed"}), 0);
    ASSERT_TRUE(reaches("killed", "exited"));
    EXPECT_EQ(container("good").value("ExitCode", -1), 0);
    EXPECT_EQ(container("bad").value("ExitCode", -1), 42);
    EXPECT_EQ(container("killed").value("ExitCode", -1), 137);
}

TEST_F(Ps, StopAndStartKeepTheContainer) {
    up(kSleeper);
    const std::string id = container("web").value("ID", "");
    ASSERT_TRUE(eventually([&] { return catches(exec("web", {"cat", "/proc/1/status"}).out, SIGTERM); }));
    EXPECT_EXIT_CODE(stack().run({"stop", "-t", "5"}), 0);
    EXPECT_EQ(container("web").value("State", ""), "exited");
    EXPECT_EQ(container("web").value("ExitCode", -1), 143);
    EXPECT_EXIT_CODE(stack().run({"start"}), 0);
    EXPECT_TRUE(reaches("web", "running"));
    EXPECT_EXIT_CODE(stack().run({"restart", "-t", "5"}), 0);
    EXPECT_TRUE(reaches("web", "running"));
    EXPECT_EQ(container("web").value("ID", ""), id);
}

}  // namespace
}  // namespace stack::test
