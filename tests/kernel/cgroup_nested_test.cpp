// Groups within groups: what a container does with its own part of the tree when it is given one to write to. On pure
// cgroup v2 only; a view of v1 hierarchies is never writable.
#include "runtime/cgroup.hpp"
#include "tests/kernel/runtime_fixture.hpp"

#include <filesystem>

#include <gmock/gmock.h>

namespace stack {
namespace {

using testing::HasSubstr;

class NestedCgroups : public test::RuntimeTest {
  protected:
    void SetUp() override {
        RuntimeTest::SetUp();
        if (layout.mode != CgroupLayout::Mode::v2) GTEST_SKIP() << "not a host with pure cgroup v2";
        path = "/" + std::filesystem::path{dir().path()}.filename().string();
    }
    void TearDown() override {
        if (!path.empty()) remove_cgroup(layout, path);
        RuntimeTest::TearDown();
    }
    test::ContainerRun run_in_group(const std::string& script, const ResourceSpec& limits) {
        const Cgroup group = Cgroup::create(layout, path + "/box", limits);
        ContainerSpec wanted = spec({"sh", "-c", script});
        wanted.cgroups_path = group.path();
        wanted.mounts.push_back(
            {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "rw"}, ""});
        LaunchOptions options;
        options.cgroup.clone_into = group.clone_into_fd();
        return run(wanted, {}, options);
    }
    CgroupLayout layout = detect_cgroups();
    std::string path;
};

TEST_F(NestedCgroups, AContainerDividesItsOwnPart) {
    ResourceSpec limits;
    limits.pids_limit = 50;
    const test::ContainerRun result = run_in_group(
        "cd /sys/fs/cgroup && mkdir init work && echo $$ >init/cgroup.procs && echo +pids "
        ">cgroup.subtree_control && "
        "echo 7 >work/pids.max && cat work/pids.max && cat /proc/self/cgroup",
        limits);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.error;
    EXPECT_EQ(result.out, "7\n0::/init\n");
    // What it has made goes with it.
    remove_cgroup(layout, path + "/box");
    EXPECT_FALSE(Cgroup::open(layout, path + "/box").has_value());
}

TEST_F(NestedCgroups, AContainerCannotRaiseItsOwnLimitsNorLookBeyond) {
    ResourceSpec limits;
    limits.pids_limit = 50;
    const test::ContainerRun result = run_in_group(
        "echo max >/sys/fs/cgroup/pids.max || echo refused; cat /sys/fs/cgroup/pids.max; ls -d "
        "/sys/fs/cgroup/init "
        "/sys/fs/cgroup/system.slice",
        limits);
    EXPECT_THAT(result.out, HasSubstr("refused\n50\n"));
    EXPECT_NE(result.exit_code, 0) << result.out;
}

}  // namespace
}  // namespace stack
