// Networks of a project: names resolve where they are shared and nowhere else, and so do packets.
#include "tests/support/eventually.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class Network : public StackTest {
  protected:
    /// proxy - front - app - back - db
    void up_three() {
        up(R"(
services:
  proxy: {image: payload, command: [stack-payload, http, '80', proxy], networks: [front], ports: ['8080:80']}
  app: {image: payload, command: [stack-payload, http, '80', app], networks: [front, back]}
  db:
    image: payload
    command: [stack-payload, http, '80', db]
    networks: {back: {aliases: [database]}}
networks: {front: , back: }
)");
    }
    [[nodiscard]] std::string address_of(const std::string& name, const std::string& asker) const {
        const std::string text = exec(asker, {"stack-payload", "resolve", name}).out;
        return text.substr(0, text.find('\n'));
    }
};

TEST_F(Network, NamesResolveOnSharedNetworksOnly) {
    up_three();
    for (const char* name : {"db", "database"})
        EXPECT_THAT(address_of(name, "app"), MatchesRegex("[0-9.]+")) << name;
    EXPECT_THAT(address_of(stack().container("db"), "app"), MatchesRegex("[0-9.]+"));
    EXPECT_THAT(address_of("app", "proxy"), MatchesRegex("[0-9.]+"));
    EXPECT_EQ(exec("proxy", {"stack-payload", "resolve", "db"}).out, "NXDOMAIN\n");
    EXPECT_EQ(exec("db", {"stack-payload", "resolve", "proxy"}).out, "NXDOMAIN\n");
}

TEST_F(Network, PacketsStayOnTheirNetwork) {
    up_three();
    const std::string db = address_of("db", "app");
    ASSERT_THAT(db, MatchesRegex("[0-9.]+"));
    EXPECT_TRUE(eventually([&] {
        return exec("app", {"stack-payload", "connect", db, "80"}).out == "connected\n";
    }));
    const Outcome across = exec("proxy", {"stack-payload", "connect", db, "80", "500"});
    EXPECT_EXIT_CODE(across, 1);
    EXPECT_NE(across.out, "connected\n");
}

TEST_F(Network, TheChainAnswersThroughThePublishedPort) {
    up_three();
    EXPECT_THAT(http_get_once_up("127.0.0.1", 8080).body, HasSubstr("proxy from"));
    EXPECT_THAT(answer_of("app", "proxy"), HasSubstr("app from"));
    EXPECT_THAT(answer_of("db", "app"), HasSubstr("db from"));
}

TEST_F(Network, AllReplicasAnswerToTheServiceName) {
    up("services: {web: {image: payload, command: [stack-payload, sleep]}}", {"--scale", "web=3"});
    const std::string addresses = exec("web", {"stack-payload", "resolve", "web"}).out;
    EXPECT_EQ(std::count(addresses.begin(), addresses.end(), '\n'), 3) << addresses;
}

TEST_F(Network, LoopbackPortIsReachedOnLoopback) {
    up(R"(
services:
  web: {image: payload, command: [stack-payload, http, '80'], ports: ['127.0.0.1:8080:80']}
)");
    EXPECT_EQ(http_get_once_up("127.0.0.1", 8080).status, 200);
    EXPECT_EQ(http_get("::1", 8080, "/", std::chrono::seconds{1}).status, 0);
}

TEST_F(Network, AContainerMayBindPort53Itself) {
    up("services: {dns: {image: payload, command: [stack-payload, udp-echo, '53']}}");
    EXPECT_EQ(container("dns").value("State", ""), "running");
    EXPECT_THAT(address_of("dns", "dns"), MatchesRegex("[0-9.]+"));
}

TEST_F(Network, NoneLeavesLoopbackAlone) {
    up("services: {web: {image: payload, command: [stack-payload, sleep], network_mode: none}}");
    EXPECT_THAT(links_of("web"), ElementsAre("lo"));
}

TEST_F(Network, ExtraHostsAndHostnameStandInTheFiles) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    hostname: front-door
    extra_hosts: ["printer:192.0.2.7"]
)");
    const std::string hosts = exec("web", {"cat", "/etc/hosts"}).out;
    EXPECT_THAT(hosts, ::testing::ContainsRegex("192\\.0\\.2\\.7[ \t]+printer"));
    EXPECT_THAT(hosts, HasSubstr("front-door"));
    EXPECT_EQ(exec("web", {"hostname"}).out, "front-door\n");
    EXPECT_THAT(exec("web", {"cat", "/etc/resolv.conf"}).out, HasSubstr("nameserver 127.0.0.11"));
}

}  // namespace
}  // namespace stack::test
