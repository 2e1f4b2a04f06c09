// Which mounts a container has when its spec has some of the usual ones, or none.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/default_mounts.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include <gmock/gmock.h>

namespace stack {
namespace {

namespace fs = std::filesystem;
using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RuntimeMounts : public RuntimeTest {};

dev_t device_at(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    EXPECT_TRUE(S_ISCHR(info.st_mode)) << path;
    return info.st_rdev;
}

TEST_F(RuntimeMounts, ASpecWithoutAnyGetsNoneAndItsDevicesInItsOwnDev) {
    ContainerSpec wanted = plain_spec({"sh", "-c", "ls -A / /proc /sys /dev; echo x > /dev/null"});
    for (const char* name : {"proc", "sys"}) fs::create_directory(plain_root() + "/" + name);
    wanted.mounts.clear();
    wanted.sysctl = {{"net.ipv4.ip_unprivileged_port_start", "7"}};
    wanted.process.oom_score_adj = 500;
    // A second time with what the first one has left in the root file system.
    for (int round = 0; round < 2; ++round) {
        const ContainerRun result = run(wanted);
        EXPECT_EQ(result.exit_code, 0) << result.error << result.out;
        EXPECT_EQ(result.out,
                  "/:\nbin\ndev\npasswd\nproc\nsys\n\n"
                  "/dev:\nfd\nfull\nnull\nptmx\nrandom\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n\n"
                  "/proc:\n\n/sys:\n");
    }
    EXPECT_EQ(device_at(plain_root() + "/dev/null"), ::makedev(1, 3));
}

TEST_F(RuntimeMounts, ADevOfTheImageIsRefusedWhereItIsNotWhatItMustBe) {
    ContainerSpec wanted = plain_spec({"true"});
    wanted.mounts.clear();
    dir().write("canary/null", "canary");
    fs::create_directory_symlink(dir().file("canary"), plain_root() + "/dev");
    EXPECT_THAT(run(wanted).error, HasSubstr("/dev is a symbolic link in the image: refused"));
    fs::remove(plain_root() + "/dev");
    fs::create_directory(plain_root() + "/dev");
    fs::create_symlink(dir().file("canary/null"), plain_root() + "/dev/null");
    EXPECT_THAT(run(wanted).error, HasSubstr("the image has null already, and it is not that device"));
    EXPECT_EQ(read_file(dir().file("canary/null")), "canary");
    EXPECT_EQ(list_directory(dir().file("canary")).size(), 1u);
}

TEST_F(RuntimeMounts, WhatComesAfterADevOfTheHostIsMountedInIt) {
    ContainerSpec wanted = spec({"sh", "-c", "grep -c ' /dev' /proc/mounts; ls /dev; ls /dev/shm"});
    dir().write("shm/file", "");
    fs::create_directories(dir().file("dev/shm"));
    dir().write("dev/mark", "");
    ASSERT_EQ(::mknod(dir().file("dev/null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
    const MountSpec dev{"/dev", "bind", dir().file("dev"), {"rbind"}, ""};
    wanted.mounts = with_default_mounts({dev});  // the default ones below it are covered
    EXPECT_EQ(run(wanted).out, "1\nmark\nnull\nshm\n");
    wanted.mounts.push_back({"/dev/shm", "tmpfs", "shm", {}, ""});
    EXPECT_EQ(run(wanted).out, "2\nmark\nnull\nshm\n");
    wanted.mounts.back() = {"/dev/shm", "bind", dir().file("shm"), {"bind"}, ""};
    EXPECT_EQ(run(wanted).out, "2\nmark\nnull\nshm\nfile\n");
}

TEST_F(RuntimeMounts, AViewOfTheControlGroupsIsOnlyWhereItIsAskedFor) {
    ContainerSpec wanted = spec({"grep", "-c", " /sys/fs/cgroup", "/proc/mounts"});
    const MountSpec view = wanted.mounts.back();
    ASSERT_EQ(view.destination, "/sys/fs/cgroup");
    wanted.mounts.pop_back();
    EXPECT_EQ(run(wanted).out, "0\n");
    if (facts().cgroup_mode == CgroupMode::none) GTEST_SKIP() << "no control groups are mounted here";
    fs::create_directories(dir().file("sys/fs/cgroup"));
    wanted.mounts.push_back({"/sys", "bind", dir().file("sys"), {"bind"}, ""});
    EXPECT_EQ(run(wanted).out, "0\n");
    wanted.mounts.push_back(view);
    EXPECT_NE(run(wanted).out, "0\n");
}

TEST_F(RuntimeMounts, WhatIsReadOnlyIsFilledBefore) {
    ContainerSpec wanted = spec(
        {"sh", "-c", "cat /ro/inner/file; ls -A /full | wc -l; touch /ro/x /full/x /dev/x; ls -l /dev/null"});
    dir().write("data/file", "content\n");
    wanted.mounts = with_default_mounts({{"/dev", "tmpfs", "tmpfs", {"ro"}, ""},
                                         {"/ro", "tmpfs", "tmpfs", {"ro"}, ""},
                                         {"/full", "tmpfs", "tmpfs", {"rro", "tmpcopyup"}, ""},
                                         {"/ro/inner", "bind", dir().file("data"), {"rbind"}, ""}});
    const std::string layer = dir().file("layer");
    fs::create_directories(layer + "/full/of/things");
    wanted.root.lower.insert(wanted.root.lower.begin(), layer);
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, testing::StartsWith("content\n1\n")) << result.error;
    for (const char* path : {"/ro/x", "/full/x", "/dev/x"})
        EXPECT_THAT(result.out, HasSubstr(std::string{"touch: "} + path + ": Read-only file system"));
    EXPECT_THAT(result.out, HasSubstr("1,   3"));
}

}  // namespace
}  // namespace stack
