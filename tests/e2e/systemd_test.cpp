// A project on a host that systemd runs: on most test hosts, in the emulated machine only.
#include "runtime/base/child_process.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <signal.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

class Systemd : public StackTest {
  protected:
    void SetUp() override {
        if (!path_exists("/run/systemd/system")) GTEST_SKIP() << "systemd does not run here";
        StackTest::SetUp();
    }
    [[nodiscard]] std::string unit() const { return fmt::format("stack-{}.scope", stack().project()); }
    [[nodiscard]] std::string show(const char* property) const {
        return std::string{
            trim(run_command({.argv = {"/bin/systemctl", "show", "--value", "-p", property, unit()},
                              .env = {},
                              .fds = {},
                              .working_dir = {}})
                     .out)};
    }
    /// The pids of the one group below the project's whose name begins so, as text.
    [[nodiscard]] std::string processes(const std::string& group) const {
        const std::string scope = fmt::format("/sys/fs/cgroup/system.slice/{}", unit());
        for (const std::string& name : list_directory(scope))
            if (!group.empty() && name.starts_with(group))
                return std::string{
                    trim(read_file_if_exists(fmt::format("{}/{}/cgroup.procs", scope, name)).value_or(""))};
        return "";
    }
};

constexpr const char* kSleeper = "services: {web: {image: payload, command: [stack-payload, sleep]}}";

TEST_F(Systemd, ProjectLivesInADelegatedScopeUntilItIsDown) {
    up(kSleeper);
    EXPECT_EQ(show("ActiveState"), "active");
    EXPECT_EQ(show("Delegate"), "yes");
    EXPECT_EQ(show("ControlGroup"), "/system.slice/" + unit());
    EXPECT_NE(processes("supervisor").find(fmt::format("{}", stack().supervisor())), std::string::npos);
    EXPECT_NE(processes(container("web").value("ID", "")), "");
    EXPECT_EXIT_CODE(stack().run({"down", "-t", "1"}), 0);
    EXPECT_TRUE(eventually([&] { return show("LoadState") == "not-found"; }));
    up(kSleeper);
    EXPECT_EQ(show("ActiveState"), "active");
}

TEST_F(Systemd, NextKeeperComesIntoTheScopeOfContainersThatRunOn) {
    up(kSleeper);
    const std::string id = container("web").value("ID", "");
    const std::string inside = processes(id);
    EXPECT_NE(inside, "");
    for (const std::string& pid : split(processes("supervisor"), '\n')) ::kill(std::stoi(pid), SIGKILL);
    EXPECT_TRUE(eventually([&] { return processes("supervisor").empty(); }));
    EXPECT_EQ(processes(id), inside);
    up(kSleeper);
    EXPECT_EQ(processes(id), inside);
    EXPECT_NE(processes("supervisor"), "");
}

TEST_F(Systemd, ContainersOfASliceAreScopesInIt) {
    const std::string slice = "stacktest-" + std::string{split(stack().project(), '-').back()} + ".slice";
    up(
        fmt::format("services: {{web: {{image: payload, mem_limit: 64m, command: [stack-payload, sleep], "
                    "cgroup_parent: {}}}}}",
                    slice));
    const std::string below = fmt::format("/sys/fs/cgroup/stacktest.slice/{}", slice);
    std::string group;
    for (const std::string& name : list_directory(below))
        if (name.starts_with("stack-" + container("web").value("ID", "-")) && name.ends_with(".scope"))
            group = below + "/" + name;
    EXPECT_NE(read_file_if_exists(group + "/cgroup.procs").value_or(""), "");
    EXPECT_EQ(trim(read_file(group + "/memory.max")), "67108864");
    EXPECT_EXIT_CODE(stack().run({"restart", "-t", "1"}), 0);
    EXPECT_TRUE(path_exists(group));
    EXPECT_EXIT_CODE(stack().run({"down", "-t", "1"}), 0);
    EXPECT_TRUE(eventually([&] { return !path_exists("/sys/fs/cgroup/stacktest.slice"); }));
    stack().write(
        "compose.yaml",
        "services: {web: {image: payload, command: [stack-payload, sleep], cgroup_parent: /agents}}");
    const Outcome outcome = stack().run({"up", "-d"});
    EXPECT_NE(outcome.text().find("cgroup_parent \"/agents\" is no slice"), std::string::npos)
        << outcome.text();
}

}  // namespace
}  // namespace stack::test
