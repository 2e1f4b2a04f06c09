// Variables in the place of flags.
#include "manager/cli/command_line.hpp"
#include "manager/cli/environment_flags.hpp"
#include "manager/cli/terminal.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <fcntl.h>
#include <stdlib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StrEq;
using Variables = std::map<std::string, std::string>;

Invocation with(const std::vector<std::string>& words, const Variables& variables) {
    auto invocation = std::get<Invocation>(parse_command_line(words));
    apply_environment(invocation, variables);
    return invocation;
}

std::string failure(const std::vector<std::string>& words, const Variables& variables) {
    try {
        with(words, variables);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
        return error.message();
    }
    return "none";
}

TEST(EnvironmentFlags, ComposeAnsiStandsForAnsi) {
    EXPECT_EQ(with({"ps"}, {{"COMPOSE_ANSI", "never"}}).globals.ansi, AnsiMode::never);
    EXPECT_EQ(with({"--ansi", "always", "ps"}, {{"COMPOSE_ANSI", "never"}}).globals.ansi, AnsiMode::always);
    EXPECT_THAT(failure({"ps"}, {{"COMPOSE_ANSI", "perhaps"}}),
                StrEq("COMPOSE_ANSI: must be one of auto, never, always, not 'perhaps'"));
}

TEST(EnvironmentFlags, ComposeProgressStandsForProgress) {
    EXPECT_EQ(with({"up"}, {{"COMPOSE_PROGRESS", "json"}}).globals.progress, ProgressMode::json);
    EXPECT_EQ(with({"--progress", "plain", "up"}, {{"COMPOSE_PROGRESS", "json"}}).globals.progress,
              ProgressMode::plain);
    EXPECT_THAT(failure({"up"}, {{"COMPOSE_PROGRESS", "loud"}}),
                HasSubstr("COMPOSE_PROGRESS: must be one of auto"));
}

TEST(EnvironmentFlags, ComposeParallelLimitStandsForParallel) {
    EXPECT_EQ(with({"up"}, {{"COMPOSE_PARALLEL_LIMIT", "3"}}).globals.parallel, 3);
    EXPECT_EQ(with({"up"}, {{"COMPOSE_PARALLEL_LIMIT", "-1"}}).globals.parallel, -1);
    EXPECT_EQ(with({"--parallel", "2", "up"}, {{"COMPOSE_PARALLEL_LIMIT", "3"}}).globals.parallel, 2);
    EXPECT_THAT(failure({"up"}, {{"COMPOSE_PARALLEL_LIMIT", "many"}}),
                StrEq("COMPOSE_PARALLEL_LIMIT: 'many' is not a number from -1"));
}

TEST(EnvironmentFlags, ComposeRemoveOrphansStandsForRemoveOrphans) {
    const Variables on{{"COMPOSE_REMOVE_ORPHANS", "True"}};
    EXPECT_TRUE(std::get<UpCommand>(with({"up"}, on).command).options.remove_orphans);
    EXPECT_TRUE(std::get<DownCommand>(with({"down"}, on).command).options.remove_orphans);
    EXPECT_FALSE(
        std::get<UpCommand>(with({"up"}, {{"COMPOSE_REMOVE_ORPHANS", "0"}}).command).options.remove_orphans);
    EXPECT_THAT(failure({"up"}, {{"COMPOSE_REMOVE_ORPHANS", "some"}}), HasSubstr("COMPOSE_REMOVE_ORPHANS"));
}

TEST(EnvironmentFlags, ComposeIgnoreOrphansExcludesRemoveOrphans) {
    const Variables ignore{{"COMPOSE_IGNORE_ORPHANS", "1"}};
    EXPECT_TRUE(std::get<UpCommand>(with({"up"}, ignore).command).options.ignore_orphans);
    EXPECT_EQ(failure({"up", "--remove-orphans"}, ignore),
              "COMPOSE_IGNORE_ORPHANS and --remove-orphans exclude each other");
}

TEST(EnvironmentFlags, StackOfflineStandsForOffline) {
    EXPECT_TRUE(with({"up"}, {{"STACK_OFFLINE", "1"}}).globals.offline);
    EXPECT_TRUE(with({"--offline", "up"}, {{"STACK_OFFLINE", "0"}}).globals.offline);
    EXPECT_FALSE(with({"up"}, {{"STACK_OFFLINE", "0"}}).globals.offline);
    EXPECT_THAT(failure({"up"}, {{"STACK_OFFLINE", "some"}}), HasSubstr("STACK_OFFLINE"));
}

TEST(EnvironmentFlags, NothingIsSaidWhereNothingIsSet) {
    const Invocation plain = std::get<Invocation>(parse_command_line({"up", "-d"}));
    EXPECT_EQ(with({"up", "-d"}, {{"COMPOSE_ANSI", ""}, {"COMPOSE_PARALLEL_LIMIT", ""}}), plain);
}

TEST(Terminal, NoColorSwitchesColourOffUnlessItIsAskedFor) {
    const UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY)};
    ASSERT_TRUE(master.valid() && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0);
    const UniqueFd terminal{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY)};
    ASSERT_TRUE(terminal.valid());
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
    EXPECT_TRUE(look_at_terminal(terminal.get(), AnsiMode::automatic).colour);
    ::setenv("NO_COLOR", "1", 1);
    EXPECT_FALSE(look_at_terminal(terminal.get(), AnsiMode::automatic).colour);
    EXPECT_TRUE(look_at_terminal(terminal.get(), AnsiMode::always).colour);
    ::setenv("NO_COLOR", "", 1);
    EXPECT_TRUE(look_at_terminal(terminal.get(), AnsiMode::automatic).colour);
}

}  // namespace
}  // namespace stack::cli
