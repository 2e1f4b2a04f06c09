// Namespaces that a service has in common with another container: ipc with its shared memory, and the network with the names
// that go with it.
#include "tests/support/stack_test_fixture.hpp"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SharedNamespaces : public StackTest {
  protected:
    [[nodiscard]] std::string namespace_of(const std::string& service, const std::string& kind) const {
        return exec(service, {"readlink", "/proc/self/ns/" + kind}).out;
    }
    [[nodiscard]] std::string output_of(const std::string& service, const std::string& script) const {
        return exec(service, {"sh", "-c", "exec 2>&1; " + script}).out;
    }
    /// `up -d` of a project that can't be.
    [[nodiscard]] std::string refusal(const std::string& yaml) const {
        stack().compose(yaml);
        const Outcome outcome = stack().run({"up", "-d"});
        EXPECT_NE(outcome.exit_code, 0);
        return outcome.text();
    }
};

TEST_F(SharedNamespaces, IpcOfAnotherServiceComesWithItsSharedMemory) {
    up(R"(
x-sleeps: &sleeps {image: payload, command: [stack-payload, sleep]}
services:
  main: {<<: *sleeps, container_name: the-main-one, ipc: shareable, shm_size: 1m}
  side: {<<: *sleeps, ipc: "service:main"}
  third: {<<: *sleeps, ipc: "container:the-main-one"}
  alone: {<<: *sleeps}
)");
    EXPECT_EQ(output_of("main", "echo canary > /dev/shm/file"), "");
    for (const char* service : {"side", "third"}) {
        EXPECT_EQ(namespace_of(service, "ipc"), namespace_of("main", "ipc"));
        EXPECT_EQ(output_of(service, "cat /dev/shm/file"), "canary\n");
        EXPECT_THAT(output_of(service, "grep ' /dev/shm ' /proc/mounts"),
                    AllOf(HasSubstr("size=1024k"), HasSubstr("nosuid,nodev,noexec")));
    }
    EXPECT_NE(namespace_of("alone", "ipc"), namespace_of("main", "ipc"));
    EXPECT_EQ(output_of("alone", "ls /dev/shm"), "");
}

TEST_F(SharedNamespaces, IpcNoneHasNoSharedMemory) {
    up("services: {web: {image: payload, command: [stack-payload, sleep], ipc: none}}");
    EXPECT_EQ(output_of("web", "grep -c /dev/shm /proc/mounts; ls -d /dev/shm"),
              "0\nls: /dev/shm: No such file or directory\n");
    EXPECT_THAT(namespace_of("web", "ipc"), HasSubstr("ipc:["));
}

TEST_F(SharedNamespaces, IpcIsSharedOnlyByWhoSaysSo) {
    const std::string text = refusal(R"(
services:
  main: {image: payload, command: [stack-payload, sleep]}
  side: {image: payload, command: [stack-payload, sleep], ipc: "service:main"}
)");
    EXPECT_THAT(text, HasSubstr("service \"main\", whose ipc is to be shared, shares it with nobody"));
    EXPECT_THAT(text, HasSubstr("give it `ipc: shareable`"));
    EXPECT_THAT(text, HasSubstr("compose.yaml:4:"));
}

TEST_F(SharedNamespaces, NetworkOfAnotherServiceComesWithItsNames) {
    up(R"(
services:
  vpn:
    image: payload
    command: [stack-payload, http, '80', behind the vpn]
    hostname: gate
    extra_hosts: ["elsewhere:192.0.2.7"]
  app: {image: payload, command: [stack-payload, sleep], network_mode: "service:vpn"}
  chained: {image: payload, command: [stack-payload, sleep], network_mode: "service:app"}
  other: {image: payload, command: [stack-payload, sleep]}
)");
    for (const char* service : {"app", "chained"}) {
        EXPECT_EQ(namespace_of(service, "net"), namespace_of("vpn", "net"));
        EXPECT_NE(namespace_of(service, "uts"), namespace_of("vpn", "uts"));
        EXPECT_THAT(answer_of("127.0.0.1", service), HasSubstr("behind the vpn from"));
        EXPECT_EQ(output_of(service, "hostname; echo $HOSTNAME"), "gate\ngate\n");
        for (const char* file : {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"})
            EXPECT_EQ(exec(service, {"cat", file}).out, exec("vpn", {"cat", file}).out) << file;
        EXPECT_EXIT_CODE(exec(service, {"stack-payload", "resolve", "other"}), 0);
    }
    EXPECT_THAT(exec("app", {"cat", "/etc/hosts"}).out, HasSubstr("192.0.2.7\telsewhere"));
}

TEST_F(SharedNamespaces, WhoSharesANetworkFollowsWhenItIsMadeAnew) {
    const auto yaml = [](int round) {
        return fmt::format(R"(
services:
  vpn: {{image: payload, command: [stack-payload, sleep], environment: {{ROUND: '{}'}}}}
  app: {{image: payload, command: [stack-payload, sleep], network_mode: "service:vpn"}}
)",
                           round);
    };
    up(yaml(1));
    EXPECT_EQ(namespace_of("app", "net"), namespace_of("vpn", "net"));
    up(yaml(2));
    EXPECT_EQ(output_of("vpn", "echo $ROUND"), "2\n");
    EXPECT_EQ(namespace_of("app", "net"), namespace_of("vpn", "net"));
}

TEST_F(SharedNamespaces, WhatBelongsToTheNetworkIsRefusedBesideASharedOne) {
    for (const char* key : {"ports: ['80:80']", "dns: [192.0.2.1]"}) {
        const std::string text =
            refusal(fmt::format("services:\n  vpn: {{image: payload}}\n  app:\n    image: payload\n"
                                "    network_mode: service:vpn\n    {}\n",
                                key));
        const std::string name = std::string{key}.substr(0, std::string{key}.find(':'));
        EXPECT_THAT(text, HasSubstr("a service with the network of another container can't have " + name +
                                    " of its own"));
        EXPECT_THAT(text, HasSubstr("compose.yaml:6:5"));
    }
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(SharedNamespaces, BridgeIsANetworkApart) {
    up(R"(
services:
  first: {image: payload, command: [stack-payload, http, '80', first], network_mode: bridge}
  second: {image: payload, command: [stack-payload, sleep], network_mode: bridge}
  other: {image: payload, command: [stack-payload, sleep]}
)");
    EXPECT_THAT(answer_of("first", "second"), HasSubstr("first from"));
    EXPECT_NE(exec("other", {"stack-payload", "resolve", "first"}).exit_code, 0);
}

TEST_F(SharedNamespaces, BridgeIsNotTheProjectsNetworkOfThatName) {
    up(R"(
services:
  first: {image: payload, command: [stack-payload, sleep], network_mode: bridge}
  other: {image: payload, command: [stack-payload, sleep], networks: [bridge]}
networks: {bridge: {}}
)");
    EXPECT_NE(exec("other", {"stack-payload", "resolve", "first"}).exit_code, 0);
    EXPECT_EQ(exec("other", {"stack-payload", "resolve", "other"}).exit_code, 0);
}

TEST_F(SharedNamespaces, SettingsOfTheHostAreOutOfReachBehindAnotherContainer) {
    const std::string text = refusal(R"(
services:
  main: {image: payload, command: [stack-payload, sleep], network_mode: host}
  side:
    image: payload
    command: [stack-payload, sleep]
    network_mode: "service:main"
    sysctls: {net.ipv4.ip_unprivileged_port_start: 1}
)");
    EXPECT_THAT(text, HasSubstr("can't be set in the host's network namespace"));
    EXPECT_THAT(output_of("main", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start"),
                Not(HasSubstr("1\n")));
}

}  // namespace
}  // namespace stack::test
