// The kernel's file systems: what an image may have in their place, and what of them a container sees.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/escape_fixture.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAreArray;

using EscapeProcSysDev = EscapeTest;

// CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2026-41579, CVE-2026-47766.
TEST_F(EscapeProcSysDev, EveryKindOfLinkIsRefused) {
    for (const char* name : {"proc", "sys", "dev"}) {
        const ContainerSpec wanted = plain_spec({"true"});
        for (const std::string& target :
             {canary(), "../../../../../../.." + canary(), canary() + "/missing", std::string{"bin"},
              std::string{"."}, std::string{"/"}, std::string{name}, std::string{"/proc/self/root"},
              std::string{"tmp/second"}}) {
            fs::remove_all(in_root(name));
            fs::create_symlink(target, in_root(name));
            const ContainerRun result = run(wanted);
            EXPECT_THAT(result.error, HasSubstr(fmt::format("mounting /{}", name))) << target;
            EXPECT_EQ(result.out, "");
        }
        fs::remove(in_root(name));
    }
}

TEST_F(EscapeProcSysDev, WhatIsNoDirectoryIsRefused) {
    for (const char* name : {"proc", "sys", "dev"}) {
        const ContainerSpec wanted = plain_spec({"true"});
        fs::remove_all(in_root(name));
        dir().write(fmt::format("plain/{}", name), "a file");
        EXPECT_THAT(run(wanted).error, HasSubstr(fmt::format("mounting /{}", name)));
        EXPECT_EQ(read_file(in_root(name)), "a file");
        fs::remove(in_root(name));
        ASSERT_EQ(::mkfifo(in_root(name).c_str(), 0666), 0);
        EXPECT_THAT(run(wanted).error, HasSubstr(fmt::format("mounting /{}", name)));
        fs::remove(in_root(name));
    }
}

// What the image has below /proc and /sys (a forged sysrq-trigger, say) is covered before anything is written there.
TEST_F(EscapeProcSysDev, ForgedContentIsCovered) {
    ContainerSpec wanted = plain_spec({"cat", "/proc/sys/kernel/shmmni", "/proc/self/oom_score_adj"});
    fs::create_directories(in_root("proc/sys/kernel"));
    fs::create_directories(in_root("proc/self"));
    for (const char* name : {"proc/sys/kernel/shmmni", "proc/self/oom_score_adj"})
        fs::create_symlink(flag(), in_root(name));
    wanted.sysctl = {{"kernel.shmmni", "77"}};
    wanted.process.oom_score_adj = 500;
    EXPECT_EQ(run(wanted).out, "77\n500\n");
}

// Nodes that are asked for outside /dev, and below links of the image.
TEST_F(EscapeProcSysDev, DevicesAreNotMadeBehindLinks) {
    ContainerSpec wanted = plain_spec({"true"});
    fs::create_symlink(canary(), in_root("link"));
    fs::create_directory(in_root("place"));
    fs::create_symlink(flag(), in_root("place/node"));
    for (const char* path : {"/link/node", "/link/below/node", "/place/node"}) {
        wanted.devices = {DeviceSpec{path, 'c', 1, 3, 0666, 7, 7}};
        EXPECT_THAT(run(wanted).error, HasSubstr(fmt::format("making device {}", path)));
    }
    EXPECT_TRUE(fs::is_symlink(in_root("place/node")));
}

// podman and docker list all devices of the host for a privileged container.
TEST_F(EscapeProcSysDev, NodesOfTheHostDoNotReplaceWhatDevHasAnyway) {
    const auto with_device = [&](const char* path) {
        ContainerSpec wanted =
            spec({"sh", "-c", "readlink /dev/ptmx; readlink /dev/fd; stat -c %t:%T /dev/null"});
        wanted.devices = {DeviceSpec{path, 'c', 5, 2, 0666, 0, 0}};
        return run(wanted);
    };
    EXPECT_EQ(with_device("/dev/ptmx").out, "pts/ptmx\n/proc/self/fd\n1:3\n");
    for (const char* path : {"/dev/fd", "/dev/null"}) {
        const ContainerRun result = with_device(path);
        EXPECT_EQ(result.out, "");
        EXPECT_THAT(result.error, HasSubstr(path));
    }
}

// The list of docs/security.md, in full; a path that is added to it is added here.
TEST_F(EscapeProcSysDev, MaskListIsComplete) {
    EXPECT_THAT(default_masked_paths(),
                UnorderedElementsAreArray({"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore",
                                           "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
                                           "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
                                           "/sys/firmware", "/sys/devices/virtual/powercap",
                                           "/sys/devices/system/cpu/cpu*/thermal_throttle"}));
    EXPECT_THAT(default_readonly_paths(), UnorderedElementsAreArray({"/proc/bus", "/proc/fs", "/proc/irq",
                                                                     "/proc/sys", "/proc/sysrq-trigger"}));
}

// Looked at from inside, file by file: CVE-2017-16539, CVE-2020-8694.
TEST_F(EscapeProcSysDev, MaskedPathsAreEmptyInside) {
    std::string script;
    for (const std::string& path : default_masked_paths())
        script += fmt::format(
            "for p in {}; do if [ -d $p ]; then ls -A $p; elif [ -e $p ]; then "
            "cat $p | head -c 100; fi; done; ",
            path);
    const ContainerRun result = run(spec({"sh", "-c", script}));
    EXPECT_EQ(result.out, "") << result.error;
}

TEST_F(EscapeProcSysDev, ReadOnlyPathsTakeNoWrite) {
    const ContainerRun result =
        run(spec({"sh", "-c",
                  "for p in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger; do "
                  "if [ -d $p ]; then find $p -type f; else echo $p; fi; done "
                  "| while read f; do if (: >> $f) 2>/dev/null; then echo open $f; fi; done"}));
    EXPECT_EQ(result.out, "") << result.error;
}

TEST_F(EscapeProcSysDev, SysIsReadOnlyThroughout) {
    const ContainerRun result = run(spec({"cat", "/proc/mounts"}));
    std::istringstream lines{result.out};
    int seen = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" /sys") == std::string::npos) continue;
        ++seen;
        EXPECT_THAT(line, HasSubstr(" ro,")) << line;
    }
    EXPECT_GE(seen, 1) << result.error;
}

TEST_F(EscapeProcSysDev, DevHoldsNothingOfTheHostsHardware) {
    const ContainerRun result = run(spec({"ls", "/dev"}));
    std::istringstream lines{result.out};
    std::vector<std::string> names;
    for (std::string name; std::getline(lines, name);) names.push_back(name);
    EXPECT_THAT(names,
                UnorderedElementsAreArray({"fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm",
                                           "stderr", "stdin", "stdout", "tty", "urandom", "zero"}));
}

}  // namespace
}  // namespace stack::test
