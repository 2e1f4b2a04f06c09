// Images and neighbours that set traps: each published way out gets its trap, a clean refusal, an untouched canary.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/default_mounts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class RuntimeHostile : public RuntimeTest {
  protected:
    void SetUp() override {
        RuntimeTest::SetUp();
        canary_ = dir().file("canary");
        fs::create_directory(canary_);
    }
    std::string canary_;
};

// CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2026-41579, CVE-2026-47766.
TEST_F(RuntimeHostile, LinkInPlaceOfProcSysOrDevIsRefused) {
    for (const char* name : {"proc", "sys", "dev"}) {
        const ContainerSpec wanted = plain_spec({"true"});
        fs::remove_all(plain_root() + "/" + name);
        fs::create_symlink(canary_, plain_root() + "/" + name);
        const ContainerRun result = run(wanted);
        EXPECT_THAT(result.error, HasSubstr(fmt::format(
                                      "mounting /{0}: /{0} is a symbolic link in the image: refused", name)));
        fs::remove(plain_root() + "/" + name);
    }
    EXPECT_THAT(list_directory(canary_), IsEmpty());
}

// CVE-2021-30465, CVE-2024-45310.
TEST_F(RuntimeHostile, MountPointsBehindLinksAreMadeInsideTheContainer) {
    ContainerSpec wanted = plain_spec({"sh", "-c", "cat /data/sub/file /etc/resolv.conf"});
    dir().write("volume/file", "volume\n");
    fs::create_symlink(canary_, plain_root() + "/data");  // absolute: /tmp/… of the host, or of the container
    fs::create_directory(plain_root() + "/etc");
    fs::create_symlink("../../../../../../run/systemd/resolve/stub.conf", plain_root() + "/etc/resolv.conf");
    wanted.mounts = {
        {"/data/sub", "bind", dir().file("volume"), {"rbind"}, ""},
        {"/etc/resolv.conf", "bind", dir().write("resolv", "nameserver 127.0.0.11\n"), {"bind", "ro"}, ""}};
    const ContainerRun result = run(wanted);
    EXPECT_EQ(result.out, "volume\nnameserver 127.0.0.11\n") << result.error;
    EXPECT_THAT(list_directory(canary_), IsEmpty());
    EXPECT_TRUE(fs::exists(plain_root() + canary_ + "/sub"));
    EXPECT_TRUE(fs::is_regular_file(plain_root() + "/run/systemd/resolve/stub.conf"));
}

TEST_F(RuntimeHostile, LinkLoopAsMountPointEndsInAnError) {
    ContainerSpec wanted = plain_spec({"true"});
    fs::create_symlink("loop", plain_root() + "/loop");
    wanted.mounts = with_default_mounts({{"/loop/x", "bind", canary_, {"rbind"}, ""}});
    EXPECT_THAT(run(wanted).error, HasSubstr("ELOOP"));
}

TEST_F(RuntimeHostile, LinkOfTheImageLeadsNoMountIntoProc) {
    ContainerSpec wanted = plain_spec({"true"});
    fs::create_symlink("/proc/self/attr", plain_root() + "/data");
    wanted.mounts = with_default_mounts({{"/data", "bind", canary_, {"rbind"}, ""}});
    EXPECT_THAT(run(wanted).error, HasSubstr("/data leads into /proc in the image: refused"));
}

// CVE-2025-31133: whatever the image calls /dev/null, masks come from a device that we made.
TEST_F(RuntimeHostile, ForgedNullDeviceIsNotUsed) {
    ContainerSpec wanted =
        plain_spec({"sh", "-c", "cat /proc/timer_list; echo x > /dev/null; ls -l /dev/null"});
    fs::create_directory(plain_root() + "/dev");
    fs::create_symlink(dir().write("forged", "forged"), plain_root() + "/dev/null");
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("1,   3"), Not(HasSubstr("forged")), Not(HasSubstr("Timer List"))));
    EXPECT_EQ(read_file(dir().file("forged")), "forged");
}

TEST_F(RuntimeHostile, DevOfTheHostIsCheckedBeforeItIsUsed) {
    ContainerSpec wanted = plain_spec({"true"});
    fs::create_directory(dir().file("fake-dev"));
    dir().write("fake-dev/null", "canary");
    wanted.mounts = with_default_mounts({{"/dev", "bind", dir().file("fake-dev"), {"rbind"}, ""}});
    EXPECT_THAT(run(wanted).error, HasSubstr("the container's /dev/null is not the null device: refused"));
    EXPECT_EQ(read_file(dir().file("fake-dev/null")), "canary");
    struct stat info {};
    ASSERT_EQ(::stat(dir().file("fake-dev/null").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 0u);
}

// CVE-2024-21626.
TEST_F(RuntimeHostile, WorkingDirectoryBehindADescriptorIsRefused) {
    const UniqueFd leaked{::open("/", O_RDONLY | O_DIRECTORY)};
    for (const int fd : {leaked.get(), 0, 5, 7}) {
        ContainerSpec wanted = spec({"cat", "../../../../../../../../etc/shadow"});
        wanted.process.cwd = fmt::format("/proc/self/fd/{}", fd);
        EXPECT_THAT(run(wanted).error, HasSubstr("changing to directory"));
    }
    ContainerSpec through_link = spec({"pwd"});
    fs::create_symlink("/proc/self/fd", through_link.root.upper + "/fds");
    through_link.process.cwd = fmt::format("/fds/{}", leaked.get());
    EXPECT_NE(run(through_link).error, "");
}

// CVE-2019-5736.
TEST_F(RuntimeHostile, OwnProgramIsNoCommand) {
    EXPECT_EQ(run(spec({"/proc/self/exe", "--gtest_filter=none"})).exit_code, 126);
    const ContainerSpec by_link = spec({"/bin/entry"});
    fs::create_directories(by_link.root.upper + "/bin");
    fs::create_symlink("/proc/self/exe", by_link.root.upper + "/bin/entry");
    EXPECT_EQ(run(by_link).exit_code, 126);
}

// CVE-2024-40635, CVE-2026-47262.
TEST_F(RuntimeHostile, AccountFilesOfTheImageAreNotTrusted) {
    ContainerSpec wanted = spec({"id", "-u"});
    const std::string etc = wanted.root.upper + "/etc";
    fs::create_directory(etc);
    std::ofstream{etc + "/passwd"} << "wrap:x:4294967296:0::/:/bin/sh\nhuge:x:1:1::/"
                                   << std::string(200000, 'h') << ":\n";
    wanted.process.user = "wrap";
    EXPECT_THAT(run(wanted).error, HasSubstr("no user \"wrap\""));
    wanted.process.user = "huge";
    EXPECT_THAT(run(wanted).error, HasSubstr("no user \"huge\""));

    fs::resize_file(etc + "/passwd", 64u << 20);
    wanted.process.user = "anybody";
    EXPECT_THAT(run(wanted).error, HasSubstr("larger than 16 MiB"));

    fs::remove(etc + "/passwd");
    ASSERT_EQ(::mkfifo((etc + "/passwd").c_str(), 0600), 0);
    EXPECT_THAT(run(wanted).error, HasSubstr("read /etc/passwd of the image"));

    fs::remove(etc + "/passwd");
    fs::create_symlink(dir().write("host-passwd", "outside:x:5:5::/:\n"), etc + "/passwd");
    wanted.process.user = "outside";
    EXPECT_THAT(run(wanted).error, HasSubstr("no user \"outside\""));
}

// CVE-2022-0492 and the mask list.
TEST_F(RuntimeHostile, MasksAndReadOnlyPathsCantBeUndone) {
    const ContainerRun result = run(
        spec({"sh", "-c",
              "umount /proc/kcore /proc/timer_list /proc/sys; mount -o remount,rw /proc/sys; "
              "v=$(cat /proc/sys/vm/swappiness); echo $v > /proc/sys/vm/swappiness; cat /proc/timer_list"}));
    EXPECT_THAT(result.out, AllOf(HasSubstr("Operation not permitted"), Not(HasSubstr("Timer List"))));
    EXPECT_THAT(result.out, HasSubstr("Read-only file system"));
}

TEST_F(RuntimeHostile, CopyOfImageContentStaysInTheContainer) {
    ContainerSpec wanted = spec({"ls", "-A", "/data"});
    const std::string layer = dir().file("layer");
    fs::create_directories(layer + "/data");
    fs::create_symlink(canary_, layer + "/data/link");
    std::string deep = layer + "/data";
    for (int i = 0; i < 40; ++i) deep += "/d";
    fs::create_directories(deep);
    wanted.root.lower.insert(wanted.root.lower.begin(), layer);
    fs::create_directory(dir().file("volume"));
    wanted.mounts = with_default_mounts({{"/data", "bind", dir().file("volume"), {"rbind", "copyup"}, ""}});
    EXPECT_EQ(run(wanted).out, "d\nlink\n");
    EXPECT_TRUE(fs::is_symlink(dir().file("volume/link")));
    EXPECT_THAT(list_directory(canary_), IsEmpty());
}

}  // namespace
}  // namespace stack::test
