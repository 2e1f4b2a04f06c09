// Which mounts a container has when its spec has some of the usual ones, or none; binds, tmpfs and fresh volumes.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/default_mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack {
namespace {

namespace fs = std::filesystem;
using namespace test;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

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

TEST_F(RuntimeMounts, BindMountsShowTheSourceWithItsOptions) {
    dir().write("data/sub/file", "content");
    ContainerSpec wanted =
        spec({"sh", "-c", "cat /srv/new/data/sub/file; echo x > /srv/new/data/y; echo x > /srv/file"});
    wanted.mounts = with_default_mounts({{"/srv/new/data", "bind", dir().file("data"), {"rbind", "ro"}, ""},
                                         {"/srv/file", "bind", dir().write("single", "old"), {"bind"}, ""}});
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, AllOf(StartsWith("content"), HasSubstr("Read-only file system")));
    EXPECT_FALSE(fs::exists(dir().file("data/y")));
    EXPECT_EQ(read_file(dir().file("single")), "x\n");
}

TEST_F(RuntimeMounts, WritableBindDoesNotLiftTheHostsReadOnlyMount) {
    const PrivateNamespaces apart;
    fs::create_directory(dir().file("host"));
    ASSERT_EQ(::mount("tmpfs", dir().file("host").c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_EQ(
        ::mount(nullptr, dir().file("host").c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
    ContainerSpec wanted = spec({"touch", "/data/x"});
    wanted.mounts = with_default_mounts({{"/data", "bind", dir().file("host"), {"rbind", "rw"}, ""}});
    EXPECT_THAT(run(wanted).out, HasSubstr("Read-only file system"));
    ::umount2(dir().file("host").c_str(), MNT_DETACH);
}

TEST_F(RuntimeMounts, PropagationReachesTheContainerOnlyWhenAsked) {
    const PrivateNamespaces apart;
    const std::string host = dir().file("host");
    fs::create_directories(host + "/late");
    ASSERT_EQ(::mount("tmpfs", host.c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_EQ(::mount(nullptr, host.c_str(), nullptr, MS_SHARED, nullptr), 0);
    fs::create_directory(host + "/late");
    ContainerSpec wanted = spec({"sleep", "1000"});
    wanted.mounts = with_default_mounts(
        {{"/private", "bind", host, {"rbind"}, ""}, {"/slave", "bind", host, {"rbind", "rslave"}, ""}});
    const PendingProcess& container = start(wanted);
    ASSERT_EQ(::mount("tmpfs", (host + "/late").c_str(), "tmpfs", 0, nullptr), 0);
    std::ofstream{host + "/late/file"}.close();
    ProcessSpec list = wanted.process;
    list.args = {"ls", "/private/late", "/slave/late"};
    EXPECT_EQ(exec(container.handle(), list).out, "/private/late:\n\n/slave/late:\nfile\n");
    ::umount2(host.c_str(), MNT_DETACH);
}

TEST_F(RuntimeMounts, MissingBindSourceNamesVolumeReasonAndPlace) {
    ContainerSpec wanted = spec({"true"});
    wanted.mounts = with_default_mounts(
        {{"/var/lib/data", "bind", dir().file("missing"), {"rbind"}, "compose.yaml:14:9"}});
    const ContainerRun result = run(wanted);
    EXPECT_EQ(
        result.error,
        fmt::format("mounting volume \"{0}\" on /var/lib/data: open {0}: No such file or directory (ENOENT)",
                    dir().file("missing")));
    EXPECT_EQ(result.position, "compose.yaml:14:9");
    EXPECT_EQ(result.hint, "create the directory, or use a named volume");
}

TEST_F(RuntimeMounts, BindOfAFileOverADirectoryIsExplained) {
    ContainerSpec wanted = spec({"true"});
    wanted.mounts = with_default_mounts({{"/etc", "bind", dir().write("file", ""), {"bind"}, ""}});
    EXPECT_THAT(run(wanted).error, HasSubstr("/etc is a directory in the image, the source is not"));
}

TEST_F(RuntimeMounts, TmpfsTakesItsSizeAndRefusesNonsense) {
    ContainerSpec wanted =
        spec({"sh", "-c", "grep ' /scratch ' /proc/mounts; grep ' /dev/shm ' /proc/mounts"});
    wanted.mounts =
        with_default_mounts({{"/scratch", "tmpfs", "tmpfs", {"size=1m", "mode=700", "nosuid"}, ""},
                             {"/dev/shm", "tmpfs", "shm", {"size=2m"}, ""}});
    EXPECT_THAT(run(wanted).out,
                AllOf(HasSubstr("size=1024k"), HasSubstr("mode=700"), HasSubstr("size=2048k")));
    wanted.mounts = with_default_mounts({{"/scratch", "tmpfs", "tmpfs", {"size=lots"}, ""}});
    EXPECT_THAT(run(wanted).error,
                HasSubstr("mounting a tmpfs on /scratch: tmpfs option size=lots: Invalid argument"));
}

TEST_F(RuntimeMounts, FreshVolumeTakesOverWhatTheImageHas) {
    ContainerSpec wanted = spec({"sh", "-c", "ls -ln /data /data/sub; stat -c '%u:%g %a' /data"});
    const std::string layer = dir().file("layer");
    fs::create_directories(layer + "/data/sub");
    dir().write("layer/data/sub/file", "from the image", 0640);
    fs::create_symlink("sub/file", layer + "/data/link");
    ASSERT_EQ(::chown((layer + "/data").c_str(), 70, 71), 0);
    ASSERT_EQ(::chown((layer + "/data/sub/file").c_str(), 72, 73), 0);
    ASSERT_EQ(::chmod((layer + "/data").c_str(), 0750), 0);
    wanted.root.lower.insert(wanted.root.lower.begin(), layer);
    fs::create_directory(dir().file("volume"));
    wanted.mounts = with_default_mounts({{"/data", "bind", dir().file("volume"), {"rbind", "copyup"}, ""}});
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, EndsWith("70:71 750\n")) << result.error;
    EXPECT_EQ(read_file(dir().file("volume/sub/file")), "from the image");
    EXPECT_EQ(fs::read_symlink(dir().file("volume/link")), "sub/file");
    struct stat info {};
    ASSERT_EQ(::stat(dir().file("volume/sub/file").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 72u);
    EXPECT_EQ(info.st_mode & 07777, 0640u);

    // A volume with anything in it is left alone.
    fs::remove_all(dir().file("volume/sub"));
    EXPECT_EQ(run(wanted).exit_code, 0);
    EXPECT_FALSE(fs::exists(dir().file("volume/sub")));
}

TEST_F(RuntimeMounts, ReadOnlyRootStaysWritableWhereVolumesAre) {
    ContainerSpec wanted = spec({"sh", "-c", "echo x > /etc/x; echo y > /run/y && cat /run/y; pwd"});
    wanted.root.readonly = true;
    wanted.process.cwd = "/made/for/me";
    wanted.mounts = with_default_mounts({{"/run", "tmpfs", "tmpfs", {}, ""}});
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, AllOf(HasSubstr("Read-only file system"), EndsWith("y\n/made/for/me\n")));
}

}  // namespace
}  // namespace stack
