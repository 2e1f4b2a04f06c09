// `include`: another model with its own directory and variables becomes part of this one.
#include "tests/unit/compose_fixture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

using Strings = std::vector<std::string>;

TEST(ComposeInclude, DefaultsComeFromItsDotenvAndTheOuterVariablesWin) {
    ComposeProject project;
    project.request.environment = {{"SHELL_VAR", "shell"}};
    project.file(".env", "OUTER=outer\n");
    project.file("compose.yaml",
                 "include: [db/compose.yaml]\nservices: {web: {image: 'web:${INNER:-none}'}}\n");
    project.file("db/.env", "OUTER=inner\nINNER=inner\nSHELL_VAR=inner\n");
    project.file(
        "db/compose.yaml",
        "services: {db: {image: 'db:${INNER}', environment: {O: '${OUTER}', S: '${SHELL_VAR}', INNER: }}}\n");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.services.at("db").image, "db:inner");
    EXPECT_EQ(loaded.services.at("db").environment,
              (Environment{{"O", "outer"}, {"S", "shell"}, {"INNER", "inner"}}));
    EXPECT_EQ(loaded.services.at("web").image, "web:none");
}

TEST(ComposeInclude, CopiesServicesAndResourcesIn) {
    ComposeProject project;
    project.file("compose.yaml",
                 "include: [db/compose.yaml]\n"
                 "services: {web: {image: nginx, depends_on: [db], networks: [back]}}\n");
    project.file("db/compose.yaml",
                 "name: not-this-one\n"
                 "services: {db: {image: postgres, volumes: ['data:/data', './init:/init'],\n"
                 "                networks: [back], secrets: [s], configs: [c]}}\n"
                 "networks: {back: {}}\n"
                 "volumes: {data: {}}\n"
                 "secrets: {s: {file: s.txt}}\n"
                 "configs: {c: {content: x}}\n");
    project.file("db/s.txt", "secret");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.name, "shop");
    EXPECT_EQ(loaded.services.size(), 2u);
    EXPECT_EQ(loaded.services.at("db").volumes[1].source, project.path("db/init"));
    EXPECT_EQ(loaded.networks.count("back"), 1u);
    EXPECT_EQ(loaded.volumes.count("data"), 1u);
    EXPECT_EQ(loaded.secrets.at("s").file, project.path("db/s.txt"));
    EXPECT_EQ(loaded.configs.count("c"), 1u);
}

TEST(ComposeInclude, LaysSeveralPathsOverEachOther) {
    ComposeProject project;
    project.file("compose.yaml", "include:\n  - path: [db/a.yaml, db/b.yaml]\n");
    project.file("db/a.yaml", "services: {db: {image: a, user: from-a, volumes: ['./x:/x']}}\n");
    project.file("db/b.yaml", "services: {db: {image: b, volumes: ['./y:/y']}}\n");
    const Service db = project.loaded().services["db"];
    EXPECT_EQ(db.image, "b");
    EXPECT_EQ(db.user, "from-a");
    EXPECT_EQ(db.volumes[1].source, project.path("db/y"));
}

TEST(ComposeInclude, PathsAreRelativeToTheProjectDirectoryOfTheEntry) {
    ComposeProject project;
    project.file("compose.yaml", "include: [{path: db/compose.yaml, project_directory: data}]\n");
    project.file("db/compose.yaml", "services: {db: {image: a, volumes: ['./x:/x']}}\n");
    EXPECT_EQ(project.loaded().services["db"].volumes[0].source, project.path("data/x"));
}

TEST(ComposeInclude, ExtendsMayNameAnIncludedService) {
    ComposeProject project;
    project.file("compose.yaml", "include: [lib/base.yaml]\nservices: {web: {extends: base, user: me}}\n");
    project.file("lib/base.yaml", "services: {base: {image: a, volumes: ['./x:/x']}}\n");
    EXPECT_EQ(project.loaded().services["web"].volumes[0].source, project.path("lib/x"));
}

TEST(ComposeInclude, IsRecursiveWithADirectoryForEach) {
    ComposeProject project;
    project.file("compose.yaml", "include: [a/compose.yaml]\n");
    project.file("a/compose.yaml",
                 "include: [b/compose.yaml]\nservices: {a: {image: a, volumes: ['./x:/x']}}\n");
    project.file("a/b/compose.yaml", "services: {b: {image: b, volumes: ['./x:/x']}}\n");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.services.at("a").volumes[0].source, project.path("a/x"));
    EXPECT_EQ(loaded.services.at("b").volumes[0].source, project.path("a/b/x"));
}

TEST(ComposeInclude, AFileIncludedByTwoOthersCountsOnce) {
    ComposeProject project;
    project.file("compose.yaml", "include: [a.yaml, b.yaml]\n");
    project.file("a.yaml", "include: [base.yaml]\n");
    project.file("b.yaml", "include: [base.yaml]\n");
    project.file("base.yaml", "services: {base: {image: x, post_start: [{command: a}]}}\n");
    const LoadResult result = project.load();
    ASSERT_TRUE(result.document) << render(result.diagnostics, result.sources, false);
    const Node* base = result.document->root->find("services")->find("base");
    EXPECT_EQ(base->find("post_start")->count, 1u);
}

TEST(ComposeInclude, TakesEnvFilesInstead) {
    ComposeProject project;
    project.file("compose.yaml",
                 "include:\n  - {path: db/compose.yaml, env_file: [a.env, b.env]}\n"
                 "  - {path: mq/compose.yaml, env_file: /dev/null}\n");
    project.file("a.env", "V=a\nW=a\n").file("b.env", "V=b\n");
    project.file("db/.env", "V=not-read\n").file("mq/.env", "V=not-read\n");
    project.file("db/compose.yaml", "services: {db: {image: 'db:${V}${W}'}}\n");
    project.file("mq/compose.yaml", "services: {mq: {image: 'mq:${V:-none}'}}\n");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.services.at("db").image, "db:ba");
    EXPECT_EQ(loaded.services.at("mq").image, "mq:none");
}

TEST(ComposeInclude, SecretsAndNamesWithoutAValueSeeItsVariables) {
    ComposeProject project;
    project.request.environment = {{"SHELL_VAR", "shell"}};
    project.file("compose.yaml", "include: [a/c.yaml, b/c.yaml]\n");
    for (const std::string name : {"a", "b"}) {
        project.file(name + "/.env", "V=of-" + name + "\n");
        project.file(name + "/c.yaml", "services: {" + name +
                                           ": {image: x, environment: [V, SHELL_VAR], secrets: [" + name +
                                           "]}}\nsecrets: {" + name + ": {environment: V}}\n");
    }
    const Project loaded = project.loaded();
    for (const std::string name : {"a", "b"}) {
        EXPECT_EQ(loaded.services.at(name).environment,
                  (Environment{{"V", "of-" + name}, {"SHELL_VAR", "shell"}}));
        EXPECT_EQ(loaded.secrets.at(name).content, "of-" + name);
    }
}

TEST(ComposeInclude, AMissingEnvFileIsAnError) {
    ComposeProject project;
    project.file("compose.yaml", "include: [{path: db.yaml, env_file: a.env}]\n");
    project.file("db.yaml", "services: {db: {image: a}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:37: error: env_file a.env does not exist\n"
              "    1 | include: [{path: db.yaml, env_file: a.env}]\n"
              "      |                                     ^~~~~\n");
}

TEST(ComposeInclude, TheIncludingFileIsLaidOverWhatItIncludes) {
    ComposeProject project;
    project.file("compose.yaml",
                 "include: [db.yaml]\n"
                 "services: {db: {image: mine, ports: !reset [], environment: {B: mine}}}\n"
                 "volumes: {data: }\n");
    project.file("db.yaml",
                 "services: {db: {image: a, ports: [80], environment: {A: a, B: a}, user: root}}\n"
                 "volumes: {data: {name: d}}\n");
    const Project loaded = project.loaded();
    const Service db = loaded.services.at("db");
    EXPECT_EQ(db.image, "mine");
    EXPECT_TRUE(db.ports.empty());
    EXPECT_EQ(db.user, "root");
    EXPECT_EQ(db.environment, (Environment{{"A", "a"}, {"B", "mine"}}));
}

TEST(ComposeInclude, OfTwoIncludesTheFirstWins) {
    ComposeProject project;
    project.file("compose.yaml", "include: [a.yaml, b.yaml]\n");
    project.file("a.yaml", "services: {db: {image: a}}\n");
    project.file("b.yaml", "services: {db: {image: b, user: from-b}}\n");
    const Service db = project.loaded().services["db"];
    EXPECT_EQ(db.image, "a");
    EXPECT_EQ(db.user, "from-b");
}

TEST(ComposeInclude, AnOverrideFileActsOnWhatTheBaseIncludes) {
    ComposeProject project;
    project.file("compose.yaml", "include: [db.yaml]\n");
    project.file("compose.override.yaml", "services: {db: {user: root}}\n");
    project.file("db.yaml", "services: {db: {image: a}}\n");
    EXPECT_EQ(project.loaded().services["db"].user, "root");
}

TEST(ComposeInclude, ACycleIsToldWithAllItsPlaces) {
    ComposeProject project;
    project.file("compose.yaml", "include:\n  - a.yaml\nservices: {web: {image: a}}\n");
    project.file("a.yaml", "include: [b.yaml]\n");
    project.file("b.yaml", "include: [./compose.yaml]\n");
    EXPECT_EQ(
        project.messages(),
        "b.yaml:1:11: error: files include each other: compose.yaml -> a.yaml -> b.yaml -> compose.yaml\n"
        "    1 | include: [./compose.yaml]\n"
        "      |           ^~~~~~~~~~~~~~\n"
        "a.yaml:1:11: note: included here\n"
        "compose.yaml:2:5: note: included here\n");
}

TEST(ComposeInclude, RemotePathsAreRefusedByName) {
    ComposeProject project;
    project.file("compose.yaml",
                 "include:\n  - oci://example.com/stack:1\n  - path: https://example.com/repo.git\n"
                 "  - github.com/example/repo.git\n  - git@example.com:repo.git\n");
    EXPECT_EQ(
        project.messages(),
        "compose.yaml:2:5: error: including from another machine is not supported: "
        "oci://example.com/stack:1\n"
        "    2 |   - oci://example.com/stack:1\n"
        "      |     ^~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  hint: fetch it first, and include the local file\n"
        "compose.yaml:3:11: error: including from another machine is not supported: "
        "https://example.com/repo.git\n"
        "    3 |   - path: https://example.com/repo.git\n"
        "      |           ^~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  hint: fetch it first, and include the local file\n"
        "compose.yaml:4:5: error: including from another machine is not supported: "
        "github.com/example/repo.git\n"
        "    4 |   - github.com/example/repo.git\n"
        "      |     ^~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  hint: fetch it first, and include the local file\n"
        "compose.yaml:5:5: error: including from another machine is not supported: git@example.com:repo.git\n"
        "    5 |   - git@example.com:repo.git\n"
        "      |     ^~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  hint: fetch it first, and include the local file\n"
        "4 errors\n");
}

TEST(ComposeInclude, SaysWhichFileIsMissingAndWhichIsMeant) {
    ComposeProject project;
    project.file("compose.yaml", "include: [db/compsoe.yaml, absent/x.yaml]\nservices: {web: {imgae: a}}\n");
    project.file("db/compose.yaml", "services: {db: {image: a}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:11: error: the included file db/compsoe.yaml does not exist\n"
              "    1 | include: [db/compsoe.yaml, absent/x.yaml]\n"
              "      |           ^~~~~~~~~~~~~~~\n"
              "  hint: did you mean \"compose.yaml\"?\n"
              "compose.yaml:1:28: error: the included file absent/x.yaml does not exist\n"
              "    1 | include: [db/compsoe.yaml, absent/x.yaml]\n"
              "      |                            ^~~~~~~~~~~~~\n"
              "compose.yaml:2:18: error: unknown key \"imgae\" in services.web\n"
              "    2 | services: {web: {imgae: a}}\n"
              "      |                  ^~~~~\n"
              "  hint: did you mean \"image\"?\n"
              "3 errors\n");
}

TEST(ComposeInclude, NeedsAPath) {
    ComposeProject project;
    project.file("compose.yaml", "include: [{env_file: a.env}, {path: []}, '']\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:11: error: an include needs a path\n"
              "    1 | include: [{env_file: a.env}, {path: []}, '']\n"
              "      |           ^~~~~~~~~\n"
              "compose.yaml:1:30: error: an include needs a path\n"
              "    1 | include: [{env_file: a.env}, {path: []}, '']\n"
              "      |                              ^~~~~\n"
              "compose.yaml:1:42: error: the path of an include is empty\n"
              "    1 | include: [{env_file: a.env}, {path: []}, '']\n"
              "      |                                          ^~\n"
              "3 errors\n");
}

TEST(ComposeInclude, MistakesNameTheWayToTheirFile) {
    ComposeProject project;
    project.file("compose.yaml", "include:\n  - a/compose.yaml\n");
    project.file("compose.override.yaml",
                 "services: {web: {extends: {file: base.yaml, service: base}}, job: {imgae: x}}\n");
    project.file("a/compose.yaml", "include: [b.yaml]\nservices: {a: {image: a, ports: [80a]}}\n");
    project.file("a/b.yaml", "services: {b: {extends: {file: c.yaml, service: c}, image: b}}\n");
    project.file("a/c.yaml", "services: {c: {prots: [80], networks: [front]}}\n");
    project.file("base.yaml", "services: {base: {image: 5}}\n");
    EXPECT_EQ(project.messages(),
              "compose.override.yaml:1:68: error: unknown key \"imgae\" in services.job\n"
              "    1 | services: {web: {extends: {file: base.yaml, service: base}}, job: {imgae: x}}\n"
              "      |                                                                    ^~~~~\n"
              "  hint: did you mean \"image\"?\n"
              "a/compose.yaml:2:34: error: service \"a\": invalid port \"80a\": \"80a\" is not a port from 1 "
              "to 65535\n"
              "    2 | services: {a: {image: a, ports: [80a]}}\n"
              "      |                                  ^~~\n"
              "  hint: write CONTAINER, HOST:CONTAINER or IP:HOST:CONTAINER, with /udp if need be\n"
              "compose.yaml:2:5: note: included here\n"
              "a/c.yaml:1:16: error: unknown key \"prots\" in services.c\n"
              "    1 | services: {c: {prots: [80], networks: [front]}}\n"
              "      |                ^~~~~\n"
              "  hint: did you mean \"ports\"?\n"
              "a/b.yaml:1:32: note: extended here\n"
              "a/compose.yaml:1:11: note: included here\n"
              "compose.yaml:2:5: note: included here\n"
              "a/c.yaml:1:40: error: service \"b\" refers to undefined network \"front\"\n"
              "    1 | services: {c: {prots: [80], networks: [front]}}\n"
              "      |                                        ^~~~~\n"
              "a/b.yaml:1:32: note: extended here\n"
              "a/compose.yaml:1:11: note: included here\n"
              "compose.yaml:2:5: note: included here\n"
              "base.yaml:1:26: error: services.base.image must be a string, not \"5\"\n"
              "    1 | services: {base: {image: 5}}\n"
              "      |                          ^\n"
              "  hint: put it in quotes: \"5\"\n"
              "compose.override.yaml:1:34: note: extended here\n"
              "5 errors\n");
}

TEST(ComposeInclude, ManyWaysToOneFileEndInAnError) {
    ComposeProject project;
    project.file("compose.yaml", "include: [f0.yaml]\n");
    for (int i = 0; i < 30; ++i)
        project.file(fmt::format("f{}.yaml", i), fmt::format("include: [f{0}.yaml, ./f{0}.yaml]\n", i + 1));
    project.file("f30.yaml", "services: {a: {image: a}}\n");
    const LoadResult result = project.load();
    EXPECT_FALSE(result.project);
    ASSERT_FALSE(result.diagnostics.empty());
    EXPECT_EQ(result.diagnostics[0].code, "file-limit");
}

}  // namespace
}  // namespace stack::compose::test
