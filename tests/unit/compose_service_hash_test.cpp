// The digest of a service: what must change it, and what must not.
#include "tests/unit/compose_fixture.hpp"

#include <set>

#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

// Of service `web` with these lines (indented by four) below it.
std::string digest(const std::string& lines, const std::string& files = {}) {
    ComposeProject project;
    project.request.purpose = LoadPurpose::inspect;
    project.request.environment = {{"HOME", "/home/me"}};
    project.file("a.env", files);
    project.file("compose.yaml", "services:\n  web:\n    image: nginx\n" + lines + "  db: {image: db}\n");
    return project.loaded().services["web"].config_hash;
}

TEST(ComposeServiceHash, LeavesOutWhatDoesNotChangeAContainer) {
    const std::string plain = digest("");
    EXPECT_EQ(plain.size(), 64u);
    for (const char* lines : {"    scale: 3\n", "    deploy: {replicas: 3}\n", "    depends_on: [db]\n",
                              "    pull_policy: always\n", "    build: .\n", "    x-note: text\n",
                              "    healthcheck: {x-note: 1}\n", "    tty: false\n", "    labels: {}\n",
                              "    deploy:\n", "    # a comment\n"})
        EXPECT_EQ(digest(lines), plain) << lines;
}

TEST(ComposeServiceHash, ChangesWithEveryOtherKey) {
    std::set<std::string> seen{digest("")};
    for (const char* lines :
         {"    command: []\n", "    command: a\n", "    privileged: true\n", "    devices: [/dev/fuse]\n",
          "    environment: {A: }\n", "    environment: {A: ''}\n", "    environment: {A: 1}\n",
          "    labels: {x-a: 1}\n", "    cap_add: [NET_ADMIN]\n", "    dns: 9.9.9.9\n", "    shm_size: 1m\n",
          "    deploy: {resources: {limits: {pids: 5}}}\n", "    volumes: [./a:/a]\n",
          "    volumes: [./a:/a:ro]\n", "    attach: false\n", "    security_opt: ['label:disable']\n",
          "    annotations: {a: b}\n", "    networks: {default: {mac_address: '02:42:ac:11:00:02'}}\n"})
        EXPECT_TRUE(seen.insert(digest(lines)).second) << lines;
}

TEST(ComposeServiceHash, SeesNeitherPlacesNorOrderNorSpelling) {
    EXPECT_EQ(digest("    tty: true\n    user: '1'\n    mem_limit: 1k\n    environment: [B=2, A=1]\n"),
              digest("    mem_limit: '1024'\n\n\n    environment:\n      A: 1\n      B: 2\n    user: '1'\n   "
                     " tty: 'on'\n"));
}

TEST(ComposeServiceHash, SeesTheContentOfEnvironmentFiles) {
    const std::string one = digest("    env_file: a.env\n", "A=1\n");
    EXPECT_NE(one, digest("    env_file: a.env\n", "A=2\n"));
    EXPECT_EQ(one, digest("    environment: {A: 1}\n"));
}

}  // namespace
}  // namespace stack::compose::test
