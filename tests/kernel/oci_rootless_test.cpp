// A caller without privileges: ids come through newuidmap(1), control groups and setgroups(2) are not to be had.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/kernel/seccomp_agent.hpp"
#include "tests/support/payload_image.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class OciRootless : public OciTest {
  protected:
    void SetUp() override {
        OciTest::SetUp();
        if (IsSkipped()) return;
        if (!path_exists("/usr/bin/newuidmap")) GTEST_SKIP() << "needs newuidmap (Debian: uidmap)";
        std::filesystem::permissions(dir().path(), std::filesystem::perms{0755});
        if (run_command(as_nobody({"/usr/bin/test", "-x", program()})).exit_code != 0)
            GTEST_SKIP() << "nobody can't get at " << program();
        make_payload_rootfs(dir().file("rootfs"));
        SpawnOptions give;
        give.argv = {"/bin/chown", "-R", "65534:65534", dir().path()};
        ASSERT_EQ(run_command(give).exit_code, 0);
    }
    static SpawnOptions as_nobody(const std::vector<std::string>& argv) {
        SpawnOptions options;
        options.argv = {"/usr/bin/setpriv", "--reuid",        "65534", "--regid", "65534",
                        "--clear-groups",   "--inh-caps=-all"};
        options.argv.insert(options.argv.end(), argv.begin(), argv.end());
        options.env = std::vector<std::string>{"PATH=/usr/bin:/bin"};
        options.fds = {-1, -1, -1};
        return options;
    }
    [[nodiscard]] SpawnOptions runtime_as_nobody(std::vector<std::string> args) const {
        args.insert(args.begin(), {program(), "--root", root()});
        return as_nobody(args);
    }
    [[nodiscard]] CommandResult runtime(std::vector<std::string> args) const {
        return run_command(runtime_as_nobody(std::move(args)));
    }
    void write_bundle(const std::string& patch) {
        std::filesystem::remove(dir().file("config.json"));
        const CommandResult spec = runtime({"spec", "--rootless", "--bundle", dir().path()});
        ASSERT_EQ(spec.exit_code, 0) << spec.err;
        json config = json::parse(read_file(dir().file("config.json")));
        config.merge_patch(json::parse(patch));
        dir().write("config.json", config.dump());
    }
};

TEST_F(OciRootless, HasTheIdsThatItsCallerMayGive) {
    write_bundle(
        R"({"process": {"terminal": false, "args": ["sh", "-c", "id -u; cat /proc/self/uid_map"]}})");
    const CommandResult result = runtime({"run", "--bundle", dir().path(), "one"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, "0\n         0      65534          1\n");
}

TEST_F(OciRootless, LivesItsLifeWithoutACgroup) {
    write_bundle(R"({"process": {"terminal": false, "args": ["stack-payload", "sleep"]}})");
    // Its streams are the container's, so nobody can wait for their end.
    ASSERT_EQ(wait_for_exit(spawn(runtime_as_nobody({"create", "--bundle", dir().path(), "one"}))), 0);
    EXPECT_EQ(runtime({"start", "one"}).exit_code, 0);
    EXPECT_THAT(runtime({"pause", "one"}).err, HasSubstr("pause needs a cgroup, and the container has none"));
    EXPECT_EQ(runtime({"delete", "--force", "one"}).err, "");
}

TEST_F(OciRootless, IsRefusedLimitsThatNobodyWouldHold) {
    write_bundle(R"({"process": {"terminal": false, "args": ["true"]},
                     "linux": {"resources": {"pids": {"limit": 5}}}})");
    EXPECT_THAT(runtime({"run", "--bundle", dir().path(), "one"}).err, HasSubstr("Permission denied"));
    write_bundle(R"({"process": {"terminal": false, "args": ["true"]}})");
    EXPECT_THAT(runtime({"--rootless=false", "run", "--bundle", dir().path(), "one"}).err,
                HasSubstr("Permission denied"));
}

class OciRootlessExec : public OciRootless {
  protected:
    void SetUp() override {
        OciRootless::SetUp();
        if (!IsSkipped()) create("{}");
    }
    void create(const std::string& linux) {
        write_bundle(fmt::format(
            R"({{"process": {{"terminal": false, "args": ["stack-payload", "sleep"]}}, "linux": {}}})",
            linux));
        ASSERT_EQ(wait_for_exit(spawn(runtime_as_nobody({"create", "--bundle", dir().path(), "one"}))), 0);
    }
    void TearDown() override {
        if (!IsSkipped()) {
            EXPECT_EQ(runtime({"delete", "--force", "one"}).err, "");
        }
        OciRootless::TearDown();
    }
    [[nodiscard]] CommandResult exec(std::vector<std::string> args) const {
        args.insert(args.begin(), "exec");
        return runtime(std::move(args));
    }
    void start() { ASSERT_EQ(runtime({"start", "one"}).exit_code, 0); }
};

TEST_F(OciRootlessExec, JoinsAContainerOfItsCaller) {
    start();
    const CommandResult result =
        exec({"one", "sh", "-c",
              "id -u; cat /proc/1/comm; for n in pid user mnt net ipc uts; do "
              "test /proc/1/ns/$n -ef /proc/self/ns/$n || echo another $n; done; exit 7"});
    EXPECT_EQ(result.exit_code, 7) << result.err;
    EXPECT_EQ(result.out, "0\nstack-payload\n");
    EXPECT_EQ(exec({"one", "stack-payload", "die", "6"}).exit_code, 128 + 6);
    EXPECT_EQ(exec({"--tty", "one", "sh", "-c", "test -t 0 && tty"}).out, "/dev/pts/0\r\n");
}

TEST_F(OciRootlessExec, FailsWithTheReasonThatTheProcessBornInsideHas) {
    start();
    const CommandResult result = exec({"one", "no-such"});
    EXPECT_EQ(result.exit_code, 255);
    EXPECT_THAT(result.err, HasSubstr("executable file not found in $PATH"));
}

TEST_F(OciRootlessExec, GivesThePidOfTheProcessThatStays) {
    start();
    const std::string pid_file = dir().file("pid");
    ASSERT_EQ(wait_for_exit(spawn(runtime_as_nobody(
                  {"exec", "-d", "--pid-file", pid_file, "one", "stack-payload", "sleep"}))),
              0);
    const std::string status = read_file("/proc/" + read_file(pid_file) + "/status");
    EXPECT_THAT(status, HasSubstr("Name:\tstack-payload\n"));
    EXPECT_THAT(status, testing::ContainsRegex("NSpid:\t[0-9]+\t[0-9]+\n"));
}

TEST_F(OciRootlessExec, TellsASeccompAgentOfTheProcessThatStays) {
    ASSERT_EQ(runtime({"delete", "--force", "one"}).exit_code, 0);
    const std::string path = dir().file("agent.sock"), pid_file = dir().file("pid");
    const auto listen = [&] {
        std::filesystem::remove(path);
        auto agent = std::make_unique<SeccompAgent>(path, std::map<int, int>{});
        std::filesystem::permissions(path, std::filesystem::perms{0666});
        return agent;
    };
    const auto of_container = listen();
    create(fmt::format(R"({{"seccomp": {{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "{}",
                            "syscalls": [{{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}}]}}}})",
                       path));
    start();
    const auto of_exec = listen();
    ASSERT_EQ(exec({"--pid-file", pid_file, "one", "true"}).err, "");
    of_exec->finish();
    const json told = json::parse(of_exec->document(), nullptr, false);
    EXPECT_EQ(told["pid"].dump(), read_file(pid_file));
    EXPECT_EQ(told["state"]["pid"], json::parse(runtime({"state", "one"}).out)["pid"]);
    EXPECT_EQ(told["state"]["status"], "running");
}

TEST_F(OciRootlessExec, IsRefusedWhereTheFirstProcessIsStillTheRuntimesOwn) {
    const CommandResult result = exec({"one", "true"});
    EXPECT_EQ(result.exit_code, 255);
    EXPECT_THAT(result.err, HasSubstr("once it has been started"));
}

}  // namespace
}  // namespace stack::test
