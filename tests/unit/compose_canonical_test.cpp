// The canonical form as `config` prints it: every short form written out, every value in one spelling, each phase that
// can be left out.
#include "manager/compose/config_output.hpp"
#include "tests/unit/compose_fixture.hpp"

#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

// The printed lines of service `web`, without its indentation, image and network.
std::string printed_service(const LoadRequest& request, const std::string& text) {
    const std::size_t begin = text.find("  web:\n") + 7;
    std::string out;
    for (std::size_t at = begin; at < text.size() && text.compare(at, 4, "    ") == 0;) {
        const std::size_t end = text.find('\n', at) + 1;
        out += text.substr(at + 4, end - at - 4);
        at = end;
    }
    for (const std::string& dull :
         {std::string{"image: nginx\n"}, std::string{"networks:\n  default: null\n"}})
        if (const std::size_t at = out.find(dull); at != std::string::npos) out.erase(at, dull.size());
    for (std::size_t at = out.find(request.cwd); at != std::string::npos; at = out.find(request.cwd, at))
        out.replace(at, request.cwd.size(), "/shop");
    return out;
}

std::string config_of(ComposeProject& project, const ConfigOutputOptions& options = {}) {
    project.request.purpose = LoadPurpose::inspect;
    const LoadResult result = project.load();
    EXPECT_TRUE(result.project) << render(result.diagnostics, result.sources, false);
    return result.project ? config_yaml(*result.document->root, options) : std::string{};
}

// What these lines of service `web` (indented by four) become.
std::string canonical(const std::string& lines, const std::string& top = {}) {
    ComposeProject project;
    project.request.environment = {{"HOME", "/home/me"}, {"SET", "value"}};
    project.file("compose.yaml",
                 "services:\n  web:\n    image: nginx\n" + lines + "  db: {image: db}\n" + top);
    return printed_service(project.request, config_of(project));
}

TEST(ComposeCanonical, PortsAreMapsAndRangesAreExpanded) {
    EXPECT_EQ(canonical("    ports: ['8000-8001:80-81', '[::1]::53/UDP', 443, '9000-9010:9']\n"),
              "ports:\n"
              "  - mode: ingress\n    protocol: tcp\n    published: \"8000\"\n    target: 80\n"
              "  - mode: ingress\n    protocol: tcp\n    published: \"8001\"\n    target: 81\n"
              "  - host_ip: \"::1\"\n    mode: ingress\n    protocol: udp\n    target: 53\n"
              "  - mode: ingress\n    protocol: tcp\n    target: 443\n"
              "  - mode: ingress\n    protocol: tcp\n    published: \"9000-9010\"\n    target: 9\n");
}

TEST(ComposeCanonical, TheSamePortTwiceIsOnePort) {
    EXPECT_EQ(canonical("    ports: ['80:80', '0.0.0.0:80:80', {target: 80, published: 80, x-note: kept}]\n"),
              "ports:\n  - mode: ingress\n    protocol: tcp\n    published: \"80\"\n    target: 80\n    "
              "x-note: kept\n");
}

TEST(ComposeCanonical, MountsHaveATypeAndItsOptions) {
    EXPECT_EQ(
        canonical("    volumes: ['./a:/a:ro,Z', '~/b:/b', 'v:/v:nocopy', /c/]\n", "volumes: {v: {}}\n"),
        "volumes:\n"
        "  - bind:\n      create_host_path: true\n      selinux: Z\n    read_only: true\n"
        "    source: /shop/a\n    target: /a\n    type: bind\n"
        "  - bind:\n      create_host_path: true\n    source: /home/me/b\n    target: /b\n    type: bind\n"
        "  - source: v\n    target: /v\n    type: volume\n    volume:\n      nocopy: true\n"
        "  - target: /c\n    type: volume\n    volume: {}\n");
}

TEST(ComposeCanonical, ValuesHaveOneSpelling) {
    EXPECT_EQ(
        canonical("    mem_limit: 1.5g\n    memswap_limit: -1\n    stop_grace_period: 90s\n    tty: 'TRUE'\n"
                  "    cpus: '1.50'\n    scale: '2'\n    group_add: [10, staff]\n    dns: 9.9.9.9\n"),
        "cpus: 1.5\ndns:\n  - 9.9.9.9\ngroup_add:\n  - \"10\"\n  - staff\nmem_limit: \"1610612736\"\n"
        "memswap_limit: \"-1\"\nscale: 2\nstop_grace_period: 1m30s\ntty: true\n");
}

TEST(ComposeCanonical, CommandsAreLists) {
    EXPECT_EQ(canonical("    command: sh -c 'a b'\n    entrypoint: []\n    healthcheck: {test: curl x}\n"),
              "command:\n  - sh\n  - -c\n  - a b\nentrypoint: []\n"
              "healthcheck:\n  test:\n    - CMD-SHELL\n    - curl x\n");
}

TEST(ComposeCanonical, ListsOfPairsAreMaps) {
    EXPECT_EQ(canonical("    environment: [A=1=2, SET, UNSET, A=3]\n    labels: [l, m=1]\n"
                        "    sysctls: {net.core.somaxconn: 1024}\n"),
              "environment:\n  A: \"3\"\n  SET: value\n  UNSET: null\nlabels:\n  l: \"\"\n  m: \"1\"\n"
              "sysctls:\n  net.core.somaxconn: \"1024\"\n");
}

TEST(ComposeCanonical, BuildsDevicesAndGrantsAreMaps) {
    EXPECT_EQ(canonical("    build: ./app\n    devices: [/dev/fuse, '/dev/a:/dev/b:r']\n    gpus: all\n"
                        "    secrets: [s]\n    configs: [{source: c, target: etc/c, mode: 0440}]\n",
                        "secrets: {s: {file: ./s}}\nconfigs: {c: {content: x}}\n"),
              "build:\n  context: /shop/app\n  dockerfile: Dockerfile\n"
              "configs:\n  - mode: \"0440\"\n    source: c\n    target: /etc/c\n"
              "devices:\n  - permissions: rwm\n    source: /dev/fuse\n    target: /dev/fuse\n"
              "  - permissions: r\n    source: /dev/a\n    target: /dev/b\n"
              "gpus:\n  - count: all\n"
              "secrets:\n  - source: s\n    target: /run/secrets/s\n");
}

TEST(ComposeCanonical, OtherKeysImplyDependencies) {
    const std::string started = "condition: service_started\n    required: true\n";
    EXPECT_EQ(canonical("    network_mode: service:db\n"),
              "depends_on:\n  db:\n    " + started + "    restart: true\nnetwork_mode: service:db\n");
    EXPECT_EQ(canonical("    volumes_from: ['db:ro', 'container:other']\n"),
              "depends_on:\n  db:\n    " + started + "volumes_from:\n  - db:ro\n  - container:other\n");
    EXPECT_EQ(canonical("    pid: service:db\n    depends_on: {db: {condition: service_healthy}}\n"),
              "depends_on:\n  db:\n    condition: service_healthy\n    required: true\npid: service:db\n");
}

TEST(ComposeCanonical, BuildContextsElsewhereStayAsTheyAre) {
    EXPECT_EQ(canonical("    build:\n      context: https://example.com/a.git#b\n      additional_contexts:\n"
                        "        a: a\n        b: docker-image://alpine\n"),
              "build:\n  additional_contexts:\n    a: /shop/a\n    b: docker-image://alpine\n"
              "  context: https://example.com/a.git#b\n  dockerfile: Dockerfile\n");
}

TEST(ComposeCanonical, FilesAreFoldedIn) {
    ComposeProject project;
    project.file("a.env", "A=1\nB=file\n").file("l.env", "L=1\nM=file\n");
    project.file("compose.yaml",
                 "services:\n  web:\n    image: nginx\n    env_file: a.env\n    label_file: l.env\n"
                 "    environment: {B: own}\n    labels: {M: own}\n");
    EXPECT_EQ(printed_service(project.request, config_of(project)),
              "environment:\n  A: \"1\"\n  B: own\nlabels:\n  L: \"1\"\n  M: own\n");
    project.request.resolve_environment = false;
    EXPECT_EQ(printed_service(project.request, config_of(project)),
              "env_file:\n  - path: /shop/a.env\n    required: true\nenvironment:\n  B: own\n"
              "label_file:\n  - /shop/l.env\nlabels:\n  M: own\n");
}

TEST(ComposeCanonical, WhatComesOutOfAFileKnowsItsLine) {
    ComposeProject project;
    project.file("a.env", "A=1\nB=file\n");
    project.file("compose.yaml", "services: {web: {image: nginx, env_file: a.env}}\n");
    const LoadResult result = project.load();
    ASSERT_TRUE(result.document);
    const Node* web = result.document->root->find("services")->find("web");
    const Node* value = web->find("environment")->find("B");
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(result.document->tree.position(*value), (Position{project.path("a.env"), 2, 1}));
}

TEST(ComposePhases, CanBeLeftOut) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n  web:\n    image: nginx\n    volumes: ['./a:/a']\n    links: [db]\n"
                 "    environment: [HOME]\n  db: {image: db}\n");
    project.request.environment = {{"HOME", "/home/me"}};
    project.request.normalize = false;
    project.request.resolve_paths = false;
    project.request.resolve_environment = false;
    EXPECT_EQ(
        config_of(project),
        "name: shop\nservices:\n  db:\n    image: db\n  web:\n    environment:\n      HOME: null\n"
        "    image: nginx\n    links:\n      - db\n    volumes:\n      - bind:\n"
        "          create_host_path: true\n        source: ./a\n        target: /a\n        type: bind\n");
}

TEST(ComposePhases, WithoutInterpolationTextWithVariablesIsLeftAlone) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n  web:\n    image: nginx\n    ports: ['${PORT}:80', '81:81']\n"
                 "    scale: ${N}\n    volumes: ['${DIR}:/d']\n    environment: ['A=$B']\n"
                 "    command: run $X\n    tty: ${T}\n");
    project.request.interpolate = false;
    ConfigOutputOptions options;
    options.double_dollars = false;
    EXPECT_EQ(printed_service(project.request, config_of(project, options)),
              "command: run $X\nenvironment:\n  A: $B\n"
              "ports:\n  - ${PORT}:80\n  - mode: ingress\n    protocol: tcp\n    published: \"81\"\n    "
              "target: 81\n"
              "scale: ${N}\ntty: ${T}\nvolumes:\n  - ${DIR}:/d\n");
}

TEST(ComposePhases, ConsistencyCanBeLeftOut) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {image: nginx, networks: [none]}}\n");
    EXPECT_FALSE(project.load().project);
    project.request.check_consistency = false;
    EXPECT_TRUE(project.load().project);
}

TEST(ComposePurpose, OnlyARunRefusesWhatIsNotSupportedYet) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n  web: {image: nginx, storage_opt: {a: b}}\n"
                 "  off: {image: x, profiles: [p], storage_opt: {a: b}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:2:23: error: services.web.storage_opt is not supported yet\n"
              "    2 |   web: {image: nginx, storage_opt: {a: b}}\n"
              "      |                       ^~~~~~~~~~~\n");
    project.request.purpose = LoadPurpose::inspect;
    EXPECT_EQ(project.messages(), "");
}

TEST(ComposePurpose, TheValueThatIsTheDefaultAnywayStopsNoRun) {
    EXPECT_EQ(load_service("    privileged: false\n    attach: true\n    dns: []\n").image, "nginx");
}

// ---- print ------------------------------------------------------------------------------------------------------

TEST(ComposeConfigOutput, QuotesWhatWouldBeReadAsSomethingElse) {
    const std::string printed = canonical(
        "    labels:\n      a: 'no'\n      b: '1e3'\n      c: '0o17'\n      d: '22:22'\n      e: "
        "'2024-01-02'\n"
        "      f: '~'\n      g: ''\n      h: 'a: b'\n      i: 'a #b'\n      j: '- a'\n      k: "
        "\"\\e\\u00e9\"\n"
        "      l: '{a}'\n      m: plain text\n      q: 'a$$b'\n      \"o: p\": 'y'\n");
    EXPECT_EQ(printed,
              "labels:\n  a: \"no\"\n  b: \"1e3\"\n  c: \"0o17\"\n  d: \"22:22\"\n  e: \"2024-01-02\"\n"
              "  f: \"~\"\n  g: \"\"\n  h: \"a: b\"\n  i: \"a #b\"\n  j: \"- a\"\n  k: \"\\x1bé\"\n"
              "  l: \"{a}\"\n  m: plain text\n  \"o: p\": \"y\"\n  q: a$$b\n");
}

TEST(ComposeConfigOutput, KeepsExtensionFieldsWithTheirTypes) {
    ComposeProject project;
    project.file("compose.yaml",
                 "x-b: {f: 1.10, i: 0x10, t: True, nil: ~, s: '1', l: [[1, 2], {a: b}]}\nservices:\n"
                 "  web: {image: nginx, x-a: 1, network_mode: none}\nx-a: text\n");
    EXPECT_EQ(config_of(project),
              "name: shop\nservices:\n  web:\n    image: nginx\n    network_mode: none\n    x-a: 1\n"
              "x-a: text\nx-b:\n  f: 1.1\n  i: 16\n  l:\n    - - 1\n      - 2\n    - a: b\n"
              "  nil: null\n  s: \"1\"\n  t: true\n");
}

TEST(ComposeConfigOutput, DropsWhatNoServiceUses) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {web: {image: nginx, networks: [a], volumes: ['v:/v']}}\n"
                 "networks: {a: , b: }\nvolumes: {v: , w: }\nconfigs: {c: {content: x}}\n");
    EXPECT_EQ(config_of(project).find("  b:"), std::string::npos);
    EXPECT_EQ(config_of(project).find("configs:"), std::string::npos);
    ConfigOutputOptions options;
    options.all_resources = true;
    EXPECT_NE(config_of(project, options).find("  b:\n    name: shop_b\n"), std::string::npos);
    options.all_resources = false;
    options.services = std::set<std::string>{};
    EXPECT_EQ(config_of(project, options), "name: shop\nservices: {}\n");
}

}  // namespace
}  // namespace stack::compose::test
