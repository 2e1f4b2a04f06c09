// --systemd-cgroup: a container in a scope that systemd has made. Where systemd is PID 1; on most test hosts, in the
// emulated machine only.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using testing::HasSubstr;

std::string systemctl(std::vector<std::string> words) {
    words.insert(words.begin(), "/bin/systemctl");
    return std::string{
        trim(run_command({.argv = std::move(words), .env = {}, .fds = {}, .working_dir = {}}).out)};
}

class OciSystemd : public OciTest {
  protected:
    void SetUp() override {
        OciTest::SetUp();
        if (!path_exists("/run/systemd/system")) GTEST_SKIP() << "systemd does not run here";
        name = fmt::format("{}", ::getpid());
        unit = "stack-test-" + name + ".scope";
    }
    void TearDown() override {
        if (!unit.empty()) {
            EXPECT_EQ(show("LoadState"), "not-found") << unit;
        }
        OciTest::TearDown();
    }
    [[nodiscard]] std::string show(const char* property) const {
        return systemctl({"show", "--value", "-p", property, unit});
    }
    /// A patch for a bundle: its scope, and these resources.
    [[nodiscard]] std::string in_scope(const std::string& resources = "{}") const {
        return fmt::format(R"({{"linux": {{"cgroupsPath": "system.slice:stack-test:{}", "resources": {}}}}})",
                           name, resources);
    }
    [[nodiscard]] std::string file(const std::string& of) const {
        const std::string path =
            detect_cgroups().unified_mount + systemctl({"show", "--value", "-p", "ControlGroup", unit});
        return std::string{trim(read_file_if_exists(path + '/' + of).value_or("missing"))};
    }
    std::string name, unit;
};

TEST_F(OciSystemd, LivesInAScopeUntilItIsDeleted) {
    const std::string where = bundle({"sleep", "1000"}, in_scope(R"({"pids": {"limit": 20}})"));
    must({"--systemd-cgroup", "create", "--bundle", where, "one"});
    EXPECT_EQ(show("ActiveState"), "active");
    EXPECT_EQ(show("TasksMax"), "20");
    EXPECT_EQ(show("Delegate"), "yes");
    must({"start", "one"});
    EXPECT_EQ(file("pids.current"), "1");
    must({"update", "--pids-limit", "30", "--memory", "64m", "one"});
    EXPECT_EQ(show("TasksMax"), "30");
    EXPECT_EQ(show("MemoryMax"), "67108864");
    EXPECT_EQ(file("memory.max"), "67108864");
    must({"pause", "one"});
    must({"resume", "one"});
    must({"exec", "one", "true"});
    must({"delete", "--force", "one"});
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciSystemd, OfOneThatHasEndedIsGoneByItself) {
    const std::string where = bundle({"sh", "-c", "exit 7"}, in_scope());
    EXPECT_EQ(call({"--systemd-cgroup", "run", "--bundle", where, "one"}).code, 7);
    EXPECT_TRUE(eventually([&] { return show("LoadState") == "not-found"; }));
}

TEST_F(OciSystemd, IsNobodyElsesToEnd) {
    const std::string where = bundle({"sleep", "1000"}, in_scope());
    must({"--systemd-cgroup", "create", "--bundle", where, "one"});
    EXPECT_THAT(refusal({"--systemd-cgroup", "create", "--bundle", where, "two"}), HasSubstr(unit));
    EXPECT_EQ(status("one"), "created");
    EXPECT_TRUE(gone("two"));
    must({"delete", "one"});
}

TEST_F(OciSystemd, AFailedCreateLeavesNoScope) {
    const std::string where = bundle({"no-such-program"}, in_scope());
    EXPECT_NE(call({"--systemd-cgroup", "create", "--bundle", where, "one"}).code, 0);
    EXPECT_TRUE(gone("one"));
    EXPECT_TRUE(eventually([&] { return show("LoadState") == "not-found"; }));
}

class OciSystemdPaths : public OciTest {};

TEST_F(OciSystemdPaths, HaveThreeParts) {
    const std::string where = bundle({"true"}, R"({"linux": {"cgroupsPath": "/a/b"}})");
    EXPECT_THAT(refusal({"--systemd-cgroup", "create", "--bundle", where, "one"}),
                HasSubstr("expected cgroupsPath to be of format \"slice:prefix:name\""));
    EXPECT_TRUE(gone("one"));
}

}  // namespace
}  // namespace stack::test
