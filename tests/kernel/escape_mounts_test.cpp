// Images and volumes that try to bend where a mount goes.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/escape_fixture.hpp"
#include "tests/support/default_mounts.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using EscapeMounts = EscapeTest;

// CVE-2019-16884, CVE-2019-19921: a volume in place of the procfs takes what is written to it.
TEST_F(EscapeMounts, NothingIsMountedOverProc) {
    for (const char* destination : {"/proc", "/proc/", "//proc", "/./proc", "/proc/self/attr", "/proc/sys",
                                    "/proc/sysrq-trigger", "/proc/1/root"})
        for (const char* type : {"bind", "tmpfs", "sysfs"}) {
            ContainerSpec wanted = spec({"true"});
            wanted.mounts = with_default_mounts({{destination, type, canary(), {}, ""}});
            if (type == std::string_view{"bind"}) wanted.mounts.back().options = {"rbind"};
            EXPECT_THAT(run(wanted).error, HasSubstr("nothing but a procfs can be mounted on /proc"))
                << destination << " " << type;
        }
    ContainerSpec roundabout = spec({"true"});
    roundabout.mounts = with_default_mounts({{"/tmp/../proc", "bind", canary(), {"rbind"}, ""}});
    EXPECT_THAT(run(roundabout).error, HasSubstr("must not contain \"..\""));
}

// A volume is written by other containers: its links are as little to be trusted as the image's.
TEST_F(EscapeMounts, MountPointInsideAVolumeDoesNotFollowTheVolumesLinks) {
    const std::string volume = dir().file("volume");
    fs::create_directory(volume);
    dir().write("inner/file", "inner\n");
    for (const std::string& target :
         {canary(), "../../../../../../../.." + canary(), "/proc/1/root" + canary(),
          "/proc/self/cwd/" + canary(), std::string{"/proc/self/fd/3"}}) {
        fs::remove(volume + "/point");
        fs::create_symlink(target, volume + "/point");
        ContainerSpec wanted = plain_spec({"cat", "/data/point/file"});
        wanted.mounts = with_default_mounts({{"/data", "bind", volume, {"rbind"}, ""},
                                             {"/data/point", "bind", dir().file("inner"), {"rbind"}, ""}});
        const ContainerRun result = run(wanted);
        if (result.error.empty()) {
            EXPECT_EQ(result.out, "inner\n") << target;
        }
    }
}

// Masks and read-only paths are the runtime's; what they name may be a link of the image.
TEST_F(EscapeMounts, MaskedAndReadOnlyPathsStayInTheRoot) {
    ContainerSpec wanted = plain_spec({"sh", "-c", "cat /link /masked/flag; echo x > /fixed/new"});
    fs::create_symlink(flag(), in_root("link"));
    fs::create_directory(in_root("secret"));
    dir().write("plain/secret/flag", "of the image\n");
    fs::create_symlink("/secret", in_root("masked"));
    fs::create_directory(in_root("kept"));
    fs::create_symlink("../../../kept", in_root("fixed"));
    wanted.masked_paths = {"/link", "/masked"};
    wanted.readonly_paths = {"/fixed", "/not/there"};
    const ContainerRun result = run(wanted);
    EXPECT_EQ(result.error, "");
    EXPECT_THAT(result.out, AllOf(Not(HasSubstr("untouched")), Not(HasSubstr("of the image")),
                                  HasSubstr("Read-only file system")));
    EXPECT_FALSE(fs::exists(in_root("kept/new")));
}

// Every name that the runtime itself makes or looks for below /dev, as a link in the image. CVE-2025-31133,
// CVE-2025-52565, CVE-2026-41579.
TEST_F(EscapeMounts, DevOfTheImageIsNotLookedAt) {
    ContainerSpec wanted = plain_spec({"sh", "-c",
                                       "tty; stat -c '%F %n' /dev/console /dev/ptmx /dev/pts; "
                                       "echo x > /dev/console; echo y > /dev/null"});
    fs::create_directory(in_root("dev"));
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "fd",
                             "stdin", "stdout", "stderr"})
        fs::create_symlink(flag(), in_root("dev/") + name);
    for (const char* name : {"pts", "shm", "mqueue"}) fs::create_symlink(canary(), in_root("dev/") + name);
    wanted.process.terminal = true;
    PendingProcess running = begin_launch(wanted, {}, {}, facts());
    running.wait_for_gate();
    const std::optional<UniqueFd> master = running.take_terminal();
    ASSERT_TRUE(master);
    running.wait_until_started();
    const std::string seen = read_until_end(master->get());
    EXPECT_EQ(exit_code_of_status(wait_for_exit(running.handle())), 0) << seen;
    EXPECT_THAT(seen, AllOf(StartsWith("/dev/pts/0\r\ncharacter special file /dev/console"),
                            HasSubstr("directory /dev/pts"), HasSubstr("x\r\n"), Not(HasSubstr("y\r\n"))));
    for (const auto& entry : fs::directory_iterator{in_root("dev")})
        EXPECT_TRUE(entry.is_symlink()) << entry.path();
}

// A mount point that is a pipe or a device must not be opened for more than its place.
TEST_F(EscapeMounts, MountPointsThatBlockWhenOpenedAreOnlyPlaces) {
    ContainerSpec wanted = plain_spec({"cat", "/pipe", "/disk"});
    ASSERT_EQ(::mkfifo(in_root("pipe").c_str(), 0600), 0);
    ASSERT_EQ(::mknod(in_root("disk").c_str(), S_IFBLK | 0600, makedev(7, 200)), 0);
    const std::string file = dir().write("file", "file\n");
    wanted.mounts =
        with_default_mounts({{"/pipe", "bind", file, {"bind"}, ""}, {"/disk", "bind", file, {"bind"}, ""}});
    const ContainerRun result = run(wanted);
    EXPECT_EQ(result.out, "file\nfile\n") << result.error;
}

// CVE-2024-1753 and its kin: who may name the target of a mount may not name the host's root by it.
TEST_F(EscapeMounts, RootItselfIsNoMountPoint) {
    for (const char* destination : {"/", "//", "/.", "/./"}) {
        ContainerSpec wanted = spec({"true"});
        wanted.mounts = with_default_mounts({{destination, "bind", canary(), {"rbind"}, ""}});
        EXPECT_THAT(run(wanted).error, HasSubstr("nothing can be mounted over the root file system"))
            << destination;
    }
    ContainerSpec by_link = plain_spec({"cat", "/bin/busybox"});
    fs::create_symlink("/", in_root("link"));
    by_link.process.args = {"ls", "/"};
    by_link.mounts = with_default_mounts({{"/link", "bind", canary(), {"rbind"}, ""}});
    EXPECT_THAT(run(by_link).out, Not(HasSubstr("flag")));
}

// Volumes of one container don't become visible in another, or on the host.
TEST_F(EscapeMounts, MountsOfAContainerDoNotSpread) {
    const PendingProcess& first = start([&] {
        ContainerSpec wanted = spec({"sleep", "1000"});
        wanted.mounts = with_default_mounts({{"/stack-test-data", "tmpfs", "tmpfs", {"size=64k"}, ""}});
        return wanted;
    }());
    const ContainerRun second = run(spec({"cat", "/proc/mounts"}));
    EXPECT_THAT(second.out, Not(HasSubstr(" /stack-test-data ")));
    EXPECT_THAT(read_file("/proc/self/mountinfo"), Not(HasSubstr(" /stack-test-data ")));
    EXPECT_THAT(read_file(fmt::format("/proc/{}/mountinfo", first.pid())), Not(HasSubstr("shared:")));
}

}  // namespace
}  // namespace stack::test
