// `security_opt` and what a service says of its namespaces, as the kernel sees them.
#include "tests/support/stack_test_fixture.hpp"

#include <unistd.h>

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Security : public StackTest {
  protected:
    /// `up` of one service "web" with these lines; what it printed.
    [[nodiscard]] Outcome try_up(const std::string& lines) {
        stack().write("compose.yaml",
                      "services:\n  web:\n    image: payload\n    command: [stack-payload, sleep]\n" + lines);
        return stack().run({"up", "-d"});
    }
};

TEST_F(Security, AProfileFileBesideTheComposeFileIsTheFilter) {
    stack().write("profiles/no-mkdir.json", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 25},
        {"names": ["rmdir"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]})");
    EXPECT_EXIT_CODE(try_up("    security_opt: ['seccomp:profiles/no-mkdir.json']\n"), 0);
    EXPECT_THAT(exec("web", {"cat", "/proc/1/status"}).out, HasSubstr("Seccomp:\t2\n"));
    EXPECT_THAT(exec("web", {"busybox", "mkdir", "/made"}).text(),
                HasSubstr("Inappropriate ioctl for device"));
    EXPECT_EXIT_CODE(exec("web", {"sh", "-c", "busybox rmdir /tmp/x 2>&1 | busybox grep -v permitted"}), 0);
}

TEST_F(Security, AFaultInAProfileIsShownWhereItIs) {
    const std::string file = stack().write("broken.json", "{\n  \"defaultAction\": SCMP_ACT_ALLOW\n}\n");
    const Outcome outcome = try_up("    security_opt: [seccomp=./broken.json]\n");
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.text(), HasSubstr("broken.json:2:20"));
    EXPECT_THAT(outcome.text(), HasSubstr("the seccomp profile is not valid JSON"));
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(Security, AMissingProfileIsAnErrorAtTheOption) {
    const Outcome outcome = try_up("    security_opt: [seccomp=./nowhere.json]\n");
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.text(), HasSubstr("nowhere.json"));
    EXPECT_THAT(outcome.text(), HasSubstr("compose.yaml:5:"));
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(Security, ANamedAppArmorProfileNeedsAHostWithAppArmor) {
    const Outcome outcome = try_up("    security_opt: [apparmor=no-such-profile-anywhere]\n");
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.text(), HasSubstr("no-such-profile-anywhere"));
}

TEST_F(Security, WhatIsSwitchedOffAnywayNeedsNoHostThatHasIt) {
    const Outcome outcome =
        try_up("    security_opt: [apparmor=unconfined, label=disable, seccomp=builtin]\n");
    EXPECT_EXIT_CODE(outcome, 0);
    EXPECT_THAT(outcome.text(), Not(HasSubstr("no effect")));
    EXPECT_THAT(exec("web", {"cat", "/proc/1/status"}).out, HasSubstr("Seccomp:\t2\n"));
}

TEST_F(Security, ALabelWithoutSELinuxIsToldOnce) {
    if (::access("/sys/fs/selinux/enforce", F_OK) == 0) GTEST_SKIP() << "this host has SELinux";
    const Outcome outcome = try_up("    security_opt: ['label=type:spc_t']\n    scale: 2\n");
    EXPECT_EXIT_CODE(outcome, 0);
    const std::string text = outcome.text();
    const std::size_t first = text.find("this host has no SELinux");
    EXPECT_NE(first, std::string::npos) << text;
    EXPECT_EQ(text.find("this host has no SELinux", first + 1), std::string::npos) << text;
}

TEST_F(Security, TheProcessesOfAnotherServiceMayBeShared) {
    up(R"(
services:
  main:
    image: payload
    command: [stack-payload, sleep]
    init: false
  side:
    image: payload
    command: [stack-payload, sleep]
    pid: service:main
)");
    EXPECT_EQ(exec("side", {"readlink", "/proc/self/ns/pid"}).out,
              exec("main", {"readlink", "/proc/self/ns/pid"}).out);
    EXPECT_THAT(exec("side", {"cat", "/proc/1/cmdline"}).out, HasSubstr("sleep"));
    EXPECT_NE(exec("side", {"readlink", "/proc/self/ns/mnt"}).out,
              exec("main", {"readlink", "/proc/self/ns/mnt"}).out);
}

}  // namespace
}  // namespace stack::test
