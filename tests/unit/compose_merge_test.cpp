// Several files into one: what is replaced, appended, merged by what. The corpus file `overrides` shows all of it at
// once; here each rule stands alone.
#include "manager/compose/config_output.hpp"
#include "runtime/base/text.hpp"
#include "tests/unit/compose_fixture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

// The service `web` of base.yaml with over.yaml on top; both give lines below the service.
ComposeProject two_files(const std::string& base, const std::string& over) {
    ComposeProject project;
    const std::string head = "services:\n  web:\n    image: nginx\n";
    project.file("base.yaml", head + base).file("over.yaml", "services:\n  web:\n" + over);
    project.request.files = {"base.yaml", "over.yaml"};
    return project;
}
Service merged(const std::string& base, const std::string& over) {
    return two_files(base, over).loaded().services["web"];
}
using Strings = std::vector<std::string>;

TEST(ComposeMerge, ReplacesCommandEntrypointAndHealthcheckTest) {
    const Service web =
        merged("    command: [a, b]\n    entrypoint: x y\n    healthcheck: {test: [CMD, a], retries: 2}\n",
               "    command: [c]\n    entrypoint:\n    healthcheck: {test: b}\n");
    EXPECT_EQ(web.command, Strings{"c"});
    EXPECT_EQ(web.entrypoint, std::nullopt);
    EXPECT_EQ(web.healthcheck->test, (Strings{"CMD-SHELL", "b"}));
    EXPECT_EQ(web.healthcheck->retries, 2);
}

TEST(ComposeMerge, NullLeavesTheEarlierValue) {
    const Service web = merged("    user: root\n    ports: [80]\n", "    user:\n    ports:\n");
    EXPECT_EQ(web.user, "root");
    EXPECT_EQ(web.ports.size(), 1u);
}

TEST(ComposeMerge, MergesEnvironmentByNameWhateverItsForm) {
    ComposeProject project =
        two_files("    environment: [A=1, B=2, C=3]\n", "    environment: {B: x, C:, D: 4}\n");
    project.request.environment = {{"C", "shell"}};
    EXPECT_EQ(project.loaded().services["web"].environment,
              (Environment{{"A", "1"}, {"B", "x"}, {"C", "shell"}, {"D", "4"}}));
}

TEST(ComposeMerge, AppendsPortsAndDropsExactRepetitions) {
    const Service web = merged("    ports: ['80:80', '1000-1001:90-91']\n",
                               "    ports: ['0.0.0.0:80:80', '1001:91', '80:80/udp']\n");
    std::string out;
    for (const Port& port : web.ports)
        out += fmt::format("{}->{}/{} ", port.published, port.target, port.protocol);
    EXPECT_EQ(out, "80->80/tcp 1000->90/tcp 1001->91/tcp 80->80/udp ");
}

TEST(ComposeMerge, ReplacesVolumesAndGrantsByTarget) {
    ComposeProject project = two_files("    volumes: [./a:/x, ./b:/y]\n    secrets: [s, t]\n",
                                       "    volumes: [{type: bind, source: ./c, target: /x/}]\n"
                                       "    secrets: [{source: t, target: s}]\n");
    project.file("base.yaml",
                 "services:\n  web:\n    image: nginx\n    volumes: [./a:/x, ./b:/y]\n    secrets: [s, t]\n"
                 "secrets: {s: {environment: S}, t: {environment: T}}\n");
    const Service web = project.loaded().services["web"];
    ASSERT_EQ(web.volumes.size(), 2u);
    EXPECT_EQ(web.volumes[0].source, project.path("c"));
    EXPECT_EQ(web.volumes[0].position.file, project.path("over.yaml"));
    ASSERT_EQ(web.secrets.size(), 2u);
    EXPECT_EQ(web.secrets[0].source, "t");
    EXPECT_EQ(web.secrets[0].target, "/run/secrets/s");
}

TEST(ComposeMerge, TakesListsAndMapsOfDependenciesAlike) {
    ComposeProject project;
    project.file(
        "base.yaml",
        "services:\n  web: {image: a, depends_on: {db: {condition: service_healthy, restart: true}}}\n"
        "  db: {image: b}\n  mq: {image: c}\n");
    project.file("over.yaml", "services: {web: {depends_on: [mq, db]}}\n");
    project.request.files = {"base.yaml", "over.yaml"};
    const Service web = project.loaded().services["web"];
    ASSERT_EQ(web.depends_on.size(), 2u);
    EXPECT_EQ(web.depends_on.at("db").condition, DependencyCondition::service_started);
    EXPECT_TRUE(web.depends_on.at("db").restart);
}

TEST(ComposeMerge, JoinsStringsAndListsEachValueOnce) {
    const Service web =
        merged("    tmpfs: /a\n    cap_add: [SYS_TIME]\n    expose: [80]\n",
               "    tmpfs: [/a, /b]\n    cap_add: [SYS_TIME, SYS_NICE]\n    expose: ['80', 81]\n");
    EXPECT_EQ(web.volumes.size(), 2u);
    EXPECT_EQ(web.cap_add, (Strings{"SYS_TIME", "SYS_NICE"}));
    EXPECT_EQ(web.expose, (Strings{"80", "81"}));
}

TEST(ComposeMerge, ReplacesLoggingOfAnotherDriver) {
    const std::string base = "    logging: {driver: json-file, options: {max-size: 1m}}\n";
    EXPECT_EQ(merged(base, "    logging: {driver: local, options: {max-file: 2}}\n").logging.max_size_bytes,
              std::nullopt);
    EXPECT_EQ(merged(base, "    logging: {options: {max-file: 2}}\n").logging.max_size_bytes, 1 << 20);
}

TEST(ComposeMerge, ReplacesOneUlimitAsAWhole) {
    const Service web =
        merged("    ulimits: {nofile: {soft: 1, hard: 2}, nproc: 5}\n", "    ulimits: {nofile: 9}\n");
    EXPECT_EQ(web.ulimits.at("nofile"), (Ulimit{9, 9}));
    EXPECT_EQ(web.ulimits.at("nproc"), (Ulimit{5, 5}));
}

TEST(ComposeMerge, ResetRemovesAndOverrideReplaces) {
    const Service web = merged(
        "    user: root\n    ports: [80, 81]\n    labels: {a: x, b: y}\n    tty: true\n",
        "    user: !reset null\n    ports: !override [90]\n    labels: {a: !reset ''}\n    tty: !reset\n");
    EXPECT_EQ(web.user, "");
    ASSERT_EQ(web.ports.size(), 1u);
    EXPECT_EQ(web.ports[0].target, 90);
    EXPECT_EQ(web.labels, (std::map<std::string, std::string>{{"b", "y"}}));
    EXPECT_FALSE(web.tty);
}

TEST(ComposeMerge, TagsMayStandOnAWholeDocument) {
    const auto services = [](const char* tag) {
        ComposeProject project;
        project.file(
            "compose.yaml",
            fmt::format("services: {{a: {{image: x}}}}\n--- {}\nservices: {{b: {{image: y}}}}\n", tag));
        Strings names;
        for (const auto& [name, service] : project.loaded().services) names.push_back(name);
        return names;
    };
    EXPECT_EQ(services(""), (Strings{"a", "b"}));
    EXPECT_EQ(services("!override"), Strings{"b"});
    EXPECT_EQ(services("!reset"), Strings{});
}

TEST(ComposeMerge, MergesSubnetsBySubnet) {
    ComposeProject project;
    project.file("base.yaml",
                 "services: {web: {image: a}}\n"
                 "networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: 10.2.0.0/24}]}}}\n");
    project.file("over.yaml",
                 "networks: {n: {ipam: {config: [{subnet: 10.2.0.0/24, gateway: 10.2.0.9}]}}}\n");
    project.request.files = {"base.yaml", "over.yaml"};
    const Network network = project.loaded().networks["n"];
    ASSERT_EQ(network.ipam.size(), 2u);
    EXPECT_EQ(network.ipam[1].gateway, "10.2.0.9");
}

TEST(ComposeMerge, RefusesAMapOverAList) {
    EXPECT_EQ(two_files("    cap_add: [SYS_TIME]\n    volumes: [/a]\n", "    volumes: {a: b}\n").messages(),
              "over.yaml:3:14: error: services.web.volumes must be a list, not a map\n"
              "    3 |     volumes: {a: b}\n"
              "      |              ^~\n");
}

TEST(ComposeMerge, AnEmptyOverrideIsAnError) {
    ComposeProject project = two_files("", "");
    project.file("over.yaml", "# later\n");
    EXPECT_EQ(project.messages(),
              "over.yaml: error: the compose file is empty\n  hint: begin with \"services:\"\n");
}

}  // namespace
}  // namespace stack::compose::test
