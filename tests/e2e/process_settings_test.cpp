// Limits, kernel settings and capabilities that a service asks for, as its process has them.
#include "tests/support/stack_test_fixture.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using ::testing::HasSubstr;

class ProcessSettings : public StackTest {
  protected:
    /// `up -d` of one service with this key; it must fail.
    [[nodiscard]] std::string refusal(const std::string& keys) const {
        stack().compose("services:\n  web:\n    image: payload\n    command: [stack-payload, sleep]\n" +
                        keys);
        const Outcome outcome = stack().run({"up", "-d"});
        EXPECT_NE(outcome.exit_code, 0) << keys;
        return outcome.text();
    }
};

std::string bounding_set_of_this_process() {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("CapBnd:\t")) return line;
    return "no such line";
}

TEST_F(ProcessSettings, UlimitsAreThoseOfTheService) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    ulimits: {nofile: {soft: 100, hard: 200}, core: 0}
)");
    const std::string limits = exec("web", {"cat", "/proc/1/limits"}).out;
    EXPECT_THAT(limits, testing::ContainsRegex("Max open files +100 +200 "));
    EXPECT_THAT(limits, testing::ContainsRegex("Max core file size +0 +0 "));
}

TEST_F(ProcessSettings, AUlimitAboveOnesOwnIsNamed) {
    if (::prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1)
        GTEST_SKIP() << "this process may raise limits";
    rlimit own{};
    ASSERT_EQ(::getrlimit(RLIMIT_NPROC, &own), 0);
    if (own.rlim_max == RLIM_INFINITY) GTEST_SKIP() << "processes are not limited here";
    const std::string text = refusal(fmt::format("    ulimits: {{nproc: {}}}\n", own.rlim_max + 1));
    EXPECT_THAT(text,
                HasSubstr(fmt::format("raising the RLIMIT_NPROC hard limit above {} needs CAP_SYS_RESOURCE",
                                      own.rlim_max)));
}

TEST_F(ProcessSettings, SysctlsAreThoseOfTheContainersNamespaces) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    sysctls: {net.ipv4.ip_unprivileged_port_start: 77, kernel.shmmni: 123, fs.mqueue.queues_max: 9}
)");
    EXPECT_EQ(exec("web", {"cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/shmmni",
                           "/proc/sys/fs/mqueue/queues_max"})
                  .out,
              "77\n123\n9\n");
}

TEST_F(ProcessSettings, SysctlsOfTheHostAreRefused) {
    EXPECT_THAT(refusal("    sysctls: {kernel.panic: 1}\n"),
                HasSubstr("the kernel parameter \"kernel.panic\" is not per container"));
    EXPECT_THAT(refusal("    network_mode: host\n    sysctls: {net.core.somaxconn: 7}\n"),
                HasSubstr("sysctl \"net.core.somaxconn\" can't be set with network_mode: host"));
    EXPECT_THAT(refusal("    ipc: host\n    sysctls: {kernel.shmmni: 7}\n"),
                HasSubstr("sysctl \"kernel.shmmni\" can't be set in the host's ipc namespace"));
}

TEST_F(ProcessSettings, AllCapabilitiesAreThoseThatThereAreToGive) {
    up("services: {web: {image: payload, command: [stack-payload, sleep], cap_add: [ALL]}}");
    EXPECT_THAT(exec("web", {"cat", "/proc/1/status"}).out, HasSubstr(bounding_set_of_this_process()));
}

}  // namespace
}  // namespace stack::test
