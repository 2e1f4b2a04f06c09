// What values mean together: each contradiction is told at its place, and what only looks like one passes.
#include "tests/unit/compose_fixture.hpp"

#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

// The complaints about this text, one a line: `LINE:COLUMN message`. Without those about keys not supported yet.
std::string complaints(const std::string& text) {
    ComposeProject project;
    project.request.purpose = LoadPurpose::inspect;
    project.file("compose.yaml", text);
    std::string out;
    for (const Diagnostic& diagnostic : project.load().diagnostics)
        out += std::to_string(diagnostic.position.line) + ":" + std::to_string(diagnostic.position.column) +
               " " + diagnostic.message + "\n";
    return out;
}

// The same for lines of service `web`, which begin on line 4 and are indented by four.
std::string complaints_in_service(const std::string& lines, const std::string& top = {}) {
    return complaints("services:\n  web:\n    image: nginx\n" + lines + "  db: {image: db}\n" + top);
}

TEST(ComposeConsistency, AServiceNeedsSomethingToRun) {
    EXPECT_EQ(complaints("services: {a: {}}\n"), "1:12 service \"a\" has no image\n");
    EXPECT_EQ(complaints("services: {a: {build: .}, b: {provider: {type: x}}}\n"), "");
}

TEST(ComposeConsistency, BuildKeysFitTogether) {
    EXPECT_EQ(complaints_in_service("    build: {dockerfile: A, dockerfile_inline: FROM a}\n"),
              "4:47 a build can't have both dockerfile and dockerfile_inline\n");
    EXPECT_EQ(complaints_in_service("    platform: linux/arm64\n    build: {platforms: [linux/amd64]}\n"),
              "5:24 build.platforms does not contain the platform \"linux/arm64\"\n");
    EXPECT_EQ(complaints_in_service("    platform: linux/arm64\n    build: {platforms: [linux/arm64]}\n"),
              "");
    EXPECT_EQ(complaints_in_service("    build: {additional_contexts: {a: 'service:db', b: 'service:x'}}\n"),
              "4:38 service \"db\" is not built, so it can't be a build context\n"
              "4:55 service \"web\" refers to undefined service \"x\"\n");
}

TEST(ComposeConsistency, ReferencesToServicesMustBeGood) {
    EXPECT_EQ(complaints_in_service("    network_mode: service:x\n"),
              "4:19 service \"web\" refers to undefined service \"x\"\n");
    EXPECT_EQ(complaints_in_service("    volumes_from: [x]\n"),
              "4:20 service \"web\" refers to undefined service \"x\"\n");
    EXPECT_EQ(complaints_in_service("    ipc: service:db\n    pid: container:x\n"), "");
    EXPECT_EQ(complaints("services:\n  a: {image: a, pid: 'service:b'}\n  b: {image: b, links: [a]}\n"),
              "2:22 dependency cycle: a -> b -> a\n");
}

TEST(ComposeConsistency, ModelsMustBeDefined) {
    EXPECT_EQ(complaints_in_service("    models: [a, b]\n", "models: {a: {model: x}}\n"),
              "4:17 service \"web\" refers to undefined model \"b\"\n");
}

TEST(ComposeConsistency, DeployAndTheServicesOwnKeysAgree) {
    EXPECT_EQ(complaints_in_service("    scale: 2\n    cpus: 1\n    mem_limit: 1g\n    pids_limit: 5\n"
                                    "    deploy:\n      replicas: 2\n      resources:\n"
                                    "        limits: {cpus: '1.0', memory: 1024m, pids: 5}\n"),
              "");
    EXPECT_EQ(
        complaints_in_service(
            "    scale: 0\n    pids_limit: 5\n    deploy:\n      replicas: 1\n      resources:\n"
            "        limits: {pids: 6}\n"),
        "7:17 this differs from the service's scale\n9:24 this differs from the service's pids_limit\n");
}

TEST(ComposeConsistency, ATargetIsMountedOnce) {
    EXPECT_EQ(complaints_in_service("    tmpfs: [/a, '/b/:size=1m']\n    volumes: [./x:/b]\n"),
              "4:17 /b is mounted twice\n");
    EXPECT_EQ(complaints_in_service("    secrets: [s, {source: s, target: /run/secrets/s}]\n",
                                    "secrets: {s: {environment: S}}\n"),
              "4:18 /run/secrets/s is mounted twice\n");
}

TEST(ComposeConsistency, AddressesLieInTheirSubnets) {
    const std::string top =
        "networks: {n: {ipam: {config: [{subnet: 10.1.0.0/16}, {subnet: 'fd00::/64'}]}}}\n";
    EXPECT_EQ(
        complaints_in_service("    networks: {n: {ipv4_address: 10.1.2.3, ipv6_address: 'fd00::7'}}\n", top),
        "");
    EXPECT_EQ(
        complaints_in_service("    networks: {n: {ipv4_address: 10.2.2.3, ipv6_address: 'fd01::7'}}\n", top),
        "4:34 no subnet of network \"n\" holds 10.2.2.3\n4:58 no subnet of network \"n\" holds fd01::7\n");
}

TEST(ComposeConsistency, TheMacAddressIsThatOfTheFirstNetwork) {
    const std::string lines =
        "    mac_address: '02:42:ac:11:00:01'\n    networks:\n      b: {priority: 1}\n"
        "      a: {mac_address: '02:42:ac:11:00:02'}\n";
    EXPECT_EQ(complaints_in_service(lines, "networks: {a: , b: }\n"), "");
    EXPECT_EQ(
        complaints_in_service(
            "    mac_address: '02:42:ac:11:00:01'\n    networks: {a: {mac_address: '02:42:ac:11:00:02'}}\n",
            "networks: {a: }\n"),
        "4:18 this differs from the mac_address on network \"a\"\n");
}

TEST(ComposeConsistency, SmallerGroupsOfKeys) {
    EXPECT_EQ(complaints_in_service("    gpus: [{count: 1, device_ids: ['0']}]\n"),
              "4:20 count and device_ids exclude one another\n");
    EXPECT_EQ(complaints_in_service("    healthcheck: {test: a, start_interval: 1s}\n"),
              "4:44 start_interval needs start_period\n");
    EXPECT_EQ(complaints_in_service(
                  "    develop: {watch: [{path: ., action: sync}, {path: ., action: rebuild}]}\n"),
              "4:41 the action sync needs a target\n");
}

TEST(ComposeConsistency, WhatIsExternalIsNotConfigured) {
    EXPECT_EQ(
        complaints("services: {a: {image: a}}\nvolumes: {v: {external: true, driver: local, x-a: 1}}\n"),
        "2:31 volume \"v\" is external, so driver can't be given\n");
    EXPECT_EQ(complaints("services: {a: {image: a}}\nsecrets: {s: {external: true}}\n"), "");
}

}  // namespace
}  // namespace stack::compose::test
