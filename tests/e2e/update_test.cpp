// `up` on a project that exists: what changes, what stays, and what --dry-run says beforehand.
#include "tests/support/stack_test_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Update : public StackTest {
  protected:
    static std::string two_services(const std::string& value) {
        return R"(
services:
  db: {image: payload, command: [stack-payload, sleep]}
  web:
    image: payload
    command: [stack-payload, sleep]
    environment: {GREETING: )" +
               value + "}\n";
    }
    [[nodiscard]] std::string id(const std::string& service) const {
        return container(service).value("ID", "");
    }
};

TEST_F(Update, ChangesNothingWhenNothingChanged) {
    up(two_services("hello"));
    const std::vector<nlohmann::json> before = ps();
    const Outcome again = stack().run({"up", "-d"});
    EXPECT_EXIT_CODE(again, 0);
    const std::vector<nlohmann::json> after = ps();
    ASSERT_EQ(after.size(), 2u);
    for (std::size_t i = 0; i < after.size(); ++i) {
        EXPECT_EQ(after[i].value("ID", "?"), before[i].value("ID", ""));
        EXPECT_EQ(after[i].value("CreatedAt", "?"), before[i].value("CreatedAt", ""));
    }
    for (const char* service : {"db", "web"})
        EXPECT_THAT(again.err, HasSubstr("Container " + stack().container(service) + "  Running"));
}

TEST_F(Update, RecreatesOnlyTheServiceWhoseEnvironmentChanged) {
    up(two_services("hello"));
    const std::string db = id("db");
    const std::string web = id("web");
    up(two_services("goodbye"));
    EXPECT_EQ(id("db"), db);
    EXPECT_NE(id("web"), web);
    EXPECT_EQ(exec("web", {"sh", "-c", "echo $GREETING"}).out, "goodbye\n");
    EXPECT_EQ(ps().size(), 2u);
}

TEST_F(Update, DryRunNamesTheCauseAndChangesNothing) {
    up(two_services("hello"));
    const std::string web = id("web");
    stack().compose(two_services("goodbye"));
    const Outcome dry = stack().run({"up", "-d", "--dry-run"});
    EXPECT_EXIT_CODE(dry, 0);
    EXPECT_THAT(dry.out + dry.err, HasSubstr("GREETING"));
    EXPECT_THAT(dry.out + dry.err, HasSubstr(stack().container("web")));
    EXPECT_EQ(id("web"), web);
    EXPECT_EQ(exec("web", {"sh", "-c", "echo $GREETING"}).out, "hello\n");
}

TEST_F(Update, ForceRecreateReplacesAll) {
    up(two_services("hello"));
    const std::string db = id("db");
    up(two_services("hello"), {"--force-recreate"});
    EXPECT_NE(id("db"), db);
    EXPECT_EQ(ps().size(), 2u);
}

TEST_F(Update, EnvironmentDecidesAboutOrphans) {
    up(two_services("hello"));
    stack().compose("services: {db: {image: payload, command: [stack-payload, sleep]}}");
    Invocation invocation;
    invocation.args = {"up", "-d"};
    invocation.env = {{"COMPOSE_IGNORE_ORPHANS", "true"}};
    EXPECT_THAT(stack().run(invocation).err, Not(HasSubstr("orphan")));
    stack().write(".env", "COMPOSE_REMOVE_ORPHANS=1\n");
    EXPECT_EXIT_CODE(stack().run({"up", "-d"}), 0);
    EXPECT_EQ(ps().size(), 1u);
}

TEST_F(Update, CompatibilityJoinsNamesByUnderscores) {
    stack().compose("services: {db: {image: payload, command: [sh, -c, 'echo here']}}");
    Invocation invocation;
    invocation.args = {"up"};
    invocation.env = {{"COMPOSE_COMPATIBILITY", "true"}};
    EXPECT_THAT(stack().run(invocation).out, HasSubstr("db_1  | here"));
    EXPECT_EQ(container("db").value("Name", ""), stack().project() + "_db_1");
}

TEST_F(Update, WarnsOfOrphansAndRemovesThemWhenAsked) {
    up(two_services("hello"));
    stack().compose("services: {db: {image: payload, command: [stack-payload, sleep]}}");
    const Outcome warned = stack().run({"up", "-d"});
    EXPECT_EXIT_CODE(warned, 0);
    EXPECT_THAT(warned.err, HasSubstr("orphan"));
    EXPECT_EQ(ps().size(), 2u);
    EXPECT_EXIT_CODE(stack().run({"up", "-d", "--remove-orphans"}), 0);
    EXPECT_EQ(ps().size(), 1u);
}

TEST_F(Update, StartsWhatHasStoppedWithoutRecreatingIt) {
    up(two_services("hello"));
    const std::string web = id("web");
    EXPECT_EXIT_CODE(stack().run({"stop", "-t", "5", "web"}), 0);
    EXPECT_EXIT_CODE(stack().run({"up", "-d"}), 0);
    EXPECT_EQ(id("web"), web);
    EXPECT_TRUE(reaches("web", "running"));
}

}  // namespace
}  // namespace stack::test
