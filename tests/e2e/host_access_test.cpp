// What a service may be given of the host: devices, namespaces, privileges, resolvers.
#include "tests/support/stack_test_fixture.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;

class HostAccess : public StackTest {
  protected:
    /// A node of a number that no driver has (60 is for local use, says devices.txt of the kernel): opening it says ENXIO
    /// where it is allowed, EPERM where it is not.
    [[nodiscard]] std::string node_without_driver() {
        const std::string path = stack().write("node", "");
        EXPECT_EQ(::unlink(path.c_str()), 0);
        EXPECT_EQ(::mknod(path.c_str(), S_IFCHR | 0660, makedev(60, 77)), 0);
        return path;
    }
    [[nodiscard]] nlohmann::json facts(const std::string& service) {
        const Outcome outcome = exec(service, {"stack-payload", "facts"});
        const nlohmann::json facts = nlohmann::json::parse(outcome.out, nullptr, false);
        EXPECT_TRUE(facts.is_object()) << outcome.text();
        return facts.is_object() ? facts : nlohmann::json::object();
    }
};

std::string status_of_this_process(const std::string& field) {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
    return {};
}

TEST_F(HostAccess, ADeviceIsThereAndMayBeUsed) {
    up(
        fmt::format("services: {{web: {{image: payload, command: [stack-payload, sleep], devices: "
                    "['{}:/dev/bus/thing']}}}}",
                    node_without_driver()));
    EXPECT_THAT(exec("web", {"cat", "/dev/bus/thing"}).text(), HasSubstr("No such device or address"));
}

TEST_F(HostAccess, ADeviceMayBeUsedOnlyAsItsPermissionsSay) {
    const std::string node = node_without_driver();
    up(fmt::format(R"(
services:
  none:
    image: payload
    command: [stack-payload, sleep]
    devices: ['{0}:/dev/thing:m']
  by-rule:
    image: payload
    command: [stack-payload, sleep]
    devices: ['{0}:/dev/thing:m']
    device_cgroup_rules: ['c 60:* r']
)",
                   node));
    EXPECT_THAT(exec("none", {"cat", "/dev/thing"}).text(), HasSubstr("Operation not permitted"));
    EXPECT_THAT(exec("by-rule", {"cat", "/dev/thing"}).text(), HasSubstr("No such device or address"));
}

TEST_F(HostAccess, ADeviceThatIsNotThereIsRefusedBeforeAnythingIsMade) {
    stack().compose("services: {web: {image: payload, devices: [/dev/no-such-thing]}}");
    const Outcome outcome = stack().run({"up", "-d"});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("device '/dev/no-such-thing'"));
    EXPECT_THAT(outcome.err, HasSubstr("compose.yaml:1:"));
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(HostAccess, PrivilegedHasEverythingThatItsMakerHas) {
    up("services: {web: {image: payload, command: [stack-payload, sleep], privileged: true}}");
    const nlohmann::json seen = facts("web");
    EXPECT_EQ(seen.value("CapEff", ""), status_of_this_process("CapBnd"));
    EXPECT_EQ(seen.value("Seccomp", ""), "0");
    EXPECT_THAT(exec("web", {"cat", "/proc/mounts"}).out, HasSubstr("sysfs /sys sysfs rw"));
    // A node of the host that no container has by itself.
    struct stat own {};
    if (::stat("/dev/kmsg", &own) != 0) return;
    EXPECT_EQ(exec("web", {"sh", "-c", "cat </dev/null >/dev/kmsg && echo open"}).out, "open\n");
}

TEST_F(HostAccess, PrivilegedHasItsDevicesUnderTheNamesItGaveThem) {
    up(
        fmt::format("services: {{web: {{image: payload, command: [stack-payload, sleep], privileged: true, "
                    "devices: ['{}:/dev/thing']}}}}",
                    node_without_driver()));
    EXPECT_THAT(exec("web", {"cat", "/dev/thing"}).text(), HasSubstr("No such device or address"));
}

TEST_F(HostAccess, NamespacesOfTheHostAreSharedByName) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    pid: host
    ipc: host
    uts: host
    cgroup: host
)");
    const nlohmann::json seen = facts("web");
    for (const char* kind : {"cgroup", "ipc", "pid", "uts"}) {
        char own[64] = "";
        ASSERT_GT(::readlink(fmt::format("/proc/self/ns/{}", kind).c_str(), own, sizeof own - 1), 0);
        EXPECT_EQ(seen["namespaces"].value(kind, ""), own) << kind;
    }
}

TEST_F(HostAccess, ResolversAndSearchDomainsAreTheServicesOwn) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    dns: [192.0.2.53]
    dns_search: [corp.example]
    dns_opt: ["ndots:3"]
  host:
    image: payload
    command: [stack-payload, sleep]
    network_mode: host
    dns: 192.0.2.53
)");
    EXPECT_EQ(exec("web", {"cat", "/etc/resolv.conf"}).out,
              "nameserver 127.0.0.11\nsearch corp.example\noptions ndots:3\n");
    EXPECT_THAT(exec("host", {"cat", "/etc/resolv.conf"}).out, HasSubstr("nameserver 192.0.2.53\n"));
}

}  // namespace
}  // namespace stack::test
