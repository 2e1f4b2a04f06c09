// `extends`: what a service takes over from its base, from where, and what is said when that fails.
#include "tests/unit/compose_fixture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

using Strings = std::vector<std::string>;

TEST(ComposeExtends, TakesOverAServiceOfTheSameFile) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n"
                 "  web: {extends: base, command: [serve], environment: {A: web}}\n"
                 "  base: {image: nginx, command: [idle], environment: [A=base, B=base]}\n");
    const Project loaded = project.loaded();
    const Service web = loaded.services.at("web");
    EXPECT_EQ(web.image, "nginx");
    EXPECT_EQ(web.command, Strings{"serve"});
    EXPECT_EQ(web.environment, (Environment{{"A", "web"}, {"B", "base"}}));
    EXPECT_EQ(loaded.services.at("base").command, Strings{"idle"});
    EXPECT_EQ(loaded.services.at("base").environment, (Environment{{"A", "base"}, {"B", "base"}}));
}

TEST(ComposeExtends, FollowsChainsAcrossFilesWithPathsRelativeToEachFile) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n"
                 "  web: {extends: {file: common/web.yaml, service: web}, volumes: ['./own:/own']}\n");
    project.file("common/web.yaml",
                 "services:\n"
                 "  web: {extends: middle, volumes: ['./common:/common']}\n"
                 "  middle: {extends: {file: deep/base.yaml, service: base}}\n");
    project.file("common/deep/base.yaml", "services: {base: {image: nginx, volumes: ['./deep:/deep']}}\n");
    const Service web = project.loaded().services["web"];
    EXPECT_EQ(web.image, "nginx");
    Strings sources;
    for (const VolumeMount& mount : web.volumes) sources.push_back(mount.source);
    EXPECT_EQ(sources, (Strings{project.path("common/deep/deep"), project.path("common/common"),
                                project.path("own")}));
}

TEST(ComposeExtends, BringsReferencesAlongButNotWhatTheyReferTo) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {extends: {file: base.yaml, service: base}}}\n");
    project.file("base.yaml",
                 "services:\n"
                 "  base: {image: nginx, networks: [front], depends_on: [db]}\n"
                 "  db: {image: postgres}\n"
                 "networks: {front: {}}\n");
    EXPECT_EQ(project.messages(),
              "base.yaml:2:35: error: service \"web\" refers to undefined network \"front\"\n"
              "    2 |   base: {image: nginx, networks: [front], depends_on: [db]}\n"
              "      |                                   ^~~~~\n"
              "compose.yaml:1:34: note: extended here\n"
              "base.yaml:2:56: error: service \"web\" refers to undefined service \"db\"\n"
              "    2 |   base: {image: nginx, networks: [front], depends_on: [db]}\n"
              "      |                                                        ^~\n"
              "compose.yaml:1:34: note: extended here\n"
              "2 errors\n");
}

TEST(ComposeExtends, TakesTheMapFormWithoutAFile) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {web: {extends: {service: base}}, base: {image: nginx, user: root}}\n");
    EXPECT_EQ(project.loaded().services["web"].user, "root");
}

TEST(ComposeExtends, ABaseMayStandInTheSameFileByName) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n"
                 "  web: {extends: {file: compose.yaml, service: base}}\n"
                 "  base: {image: nginx}\n");
    EXPECT_EQ(project.loaded().services["web"].image, "nginx");
}

TEST(ComposeExtends, LooksForTheFileBelowTheProjectDirectory) {
    ComposeProject project;
    project.file("base.yaml", "services: {base: {image: nginx}}\n");
    project.file("sub/compose.yaml", "services: {web: {extends: {file: base.yaml, service: base}}}\n");
    project.request.files = {"sub/compose.yaml"};
    project.request.project_directory = project.request.cwd;
    EXPECT_EQ(project.loaded().services["web"].image, "nginx");
}

TEST(ComposeExtends, HappensInEachFileBeforeItIsLaidOverTheEarlierOnes) {
    ComposeProject project;
    project.file("a.yaml", "services: {web: {image: a, user: from-a, working_dir: /a}}\n");
    project.file("b.yaml", "services: {web: {extends: base}, base: {image: b, user: from-b}}\n");
    project.request.files = {"a.yaml", "b.yaml"};
    const Service web = project.loaded().services["web"];
    EXPECT_EQ(web.image, "b");
    EXPECT_EQ(web.user, "from-b");
    EXPECT_EQ(web.working_dir, "/a");
}

TEST(ComposeExtends, SeesOnlyTheServicesOfItsOwnFile) {
    ComposeProject project;
    project.file("a.yaml", "services: {base: {image: a}}\n");
    project.file("b.yaml", "services: {web: {extends: base}}\n");
    project.request.files = {"a.yaml", "b.yaml"};
    EXPECT_EQ(project.messages(),
              "b.yaml:1:27: error: service \"web\" extends \"base\", which is not in b.yaml\n"
              "    1 | services: {web: {extends: base}}\n"
              "      |                           ^~~~\n"
              "  hint: a service of another file is named with {file: PATH, service: NAME}\n");
}

TEST(ComposeExtends, DoesNotNeedWhatTheBaseFileIncludes) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {extends: {file: base.yaml, service: base}}}\n");
    project.file("base.yaml", "include: [absent.yaml]\nservices: {base: {image: nginx}}\n");
    EXPECT_EQ(project.loaded().services["web"].image, "nginx");
}

TEST(ComposeExtends, ResetAndOverrideActOnTheBase) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n"
                 "  web:\n"
                 "    extends: base\n"
                 "    ports: !override ['81:81']\n"
                 "    user: !reset null\n"
                 "    labels: {a: !reset null}\n"
                 "  base: {image: nginx, ports: ['80:80'], user: root, labels: {a: x, b: y}}\n");
    const Service web = project.loaded().services["web"];
    ASSERT_EQ(web.ports.size(), 1u);
    EXPECT_EQ(web.ports[0].target, 81);
    EXPECT_EQ(web.user, "");
    EXPECT_EQ(web.labels, (std::map<std::string, std::string>{{"b", "y"}}));
}

TEST(ComposeExtends, ATagOfTheBaseDoesNotReachEarlierFiles) {
    ComposeProject project;
    project.file("a.yaml", "services: {web: {image: a, user: from-a, tty: true}}\n");
    project.file("b.yaml",
                 "services:\n"
                 "  web: {extends: base, tty: !reset null}\n"
                 "  base: {user: !reset null, image: b, tty: true}\n");
    project.request.files = {"a.yaml", "b.yaml"};
    const Service web = project.loaded().services["web"];
    EXPECT_EQ(web.user, "from-a");
    EXPECT_FALSE(web.tty);
}

TEST(ComposeExtends, ACycleIsToldWithAllItsPlaces) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n"
                 "  a: {extends: b}\n"
                 "  b: {extends: {file: other.yaml, service: c}}\n");
    project.file("other.yaml", "services: {c: {extends: {file: compose.yaml, service: a}}}\n");
    EXPECT_EQ(
        project.messages(),
        "compose.yaml:2:16: error: services extend each other: a (compose.yaml) -> b (compose.yaml) -> c "
        "(other.yaml) -> a (compose.yaml)\n"
        "    2 |   a: {extends: b}\n"
        "      |                ^\n"
        "compose.yaml:3:16: note: b extends the next here\n"
        "    3 |   b: {extends: {file: other.yaml, service: c}}\n"
        "      |                ^~~~~\n"
        "other.yaml:1:25: note: c extends the next here\n"
        "    1 | services: {c: {extends: {file: compose.yaml, service: a}}}\n"
        "      |                         ^~~~~\n");
}

TEST(ComposeExtends, AServiceThatExtendsItselfIsACycle) {
    ComposeProject project;
    project.file("compose.yaml", "services: {a: {extends: a}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:25: error: services extend each other: a (compose.yaml) -> a (compose.yaml)\n"
              "    1 | services: {a: {extends: a}}\n"
              "      |                         ^\n");
}

TEST(ComposeExtends, SuggestsServicesAndFiles) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n"
                 "  web: {extends: {file: base.yaml, service: bsae}}\n"
                 "  job: {extends: {file: bsae.yaml, service: base}}\n");
    project.file("base.yaml", "services: {base: {image: nginx}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:2:45: error: service \"web\" extends \"bsae\", which is not in base.yaml\n"
              "    2 |   web: {extends: {file: base.yaml, service: bsae}}\n"
              "      |                                             ^~~~\n"
              "  hint: did you mean \"base\"?\n"
              "compose.yaml:3:25: error: the extended file bsae.yaml does not exist\n"
              "    3 |   job: {extends: {file: bsae.yaml, service: base}}\n"
              "      |                         ^~~~~~~~~\n"
              "  hint: did you mean \"base.yaml\"?\n"
              "2 errors\n");
}

TEST(ComposeExtends, RemoteFilesAreRefusedByName) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {web: {extends: {file: 'https://example.com/base.yaml', service: base}}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:34: error: service \"web\": extending from another machine is not supported: "
              "https://example.com/base.yaml\n"
              "    1 | services: {web: {extends: {file: 'https://example.com/base.yaml', service: base}}}\n"
              "      |                                  ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
              "  hint: fetch it first, and extend the local file\n");
}

TEST(ComposeExtends, NeedsAService) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {extends: {file: compose.yaml}, image: a}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:27: error: service \"web\": extends needs the name of a service\n"
              "    1 | services: {web: {extends: {file: compose.yaml}, image: a}}\n"
              "      |                           ^~~~~\n"
              "  hint: write {service: NAME}, with file: PATH if it stands in another file\n");
}

TEST(ComposeExtends, ChecksABaseOfAnotherFileButNotItsNeighbours) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {extends: {file: base.yaml, service: base}}}\n");
    project.file("base.yaml",
                 "services:\n  base: {image: nginx, prots: [80]}\n  other: {imgae: not looked at}\n");
    EXPECT_EQ(project.messages(),
              "base.yaml:2:24: error: unknown key \"prots\" in services.base\n"
              "    2 |   base: {image: nginx, prots: [80]}\n"
              "      |                        ^~~~~\n"
              "  hint: did you mean \"ports\"?\n"
              "compose.yaml:1:34: note: extended here\n");
}

TEST(ComposeExtends, NamesThePlaceOfATypeClash) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n"
                 "  web: {extends: base, healthcheck: {test: x}, x-list: [a]}\n"
                 "  base: {image: nginx, x-list: {a: b}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:2:56: error: cannot override services.web.x-list: a list here, a map before\n"
              "    2 |   web: {extends: base, healthcheck: {test: x}, x-list: [a]}\n"
              "      |                                                        ^~\n"
              "compose.yaml:3:32: note: the earlier value\n"
              "    3 |   base: {image: nginx, x-list: {a: b}}\n"
              "      |                                ^~\n"
              "  hint: use !override to replace the earlier value\n");
}

TEST(ComposeExtends, AChainOfThousandsAndABaseOfThousandsEnd) {
    ComposeProject project;
    std::string text = "services:\n  s0: {image: nginx, environment: {A: b}, ports: [80]}\n";
    for (int i = 1; i < 5000; ++i) text += fmt::format("  s{}: {{extends: s{}, user: 'u{}'}}\n", i, i - 1, i);
    for (int i = 0; i < 5000; ++i) text += fmt::format("  t{}: {{extends: s0, command: [c]}}\n", i);
    project.file("compose.yaml", text);
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.services.size(), 10'000u);
    EXPECT_EQ(loaded.services.at("s4999").image, "nginx");
    EXPECT_EQ(loaded.services.at("s4999").user, "u4999");
}

TEST(ComposeExtends, ValuesBeyondTheLimitAreAnErrorAndNotAFullMemory) {
    ComposeProject project;
    std::string text = "services:\n  s0: {image: a}\n";
    for (int i = 1; i < 5000; ++i)
        text += fmt::format("  s{}: {{extends: s{}, environment: {{E{}: x}}}}\n", i, i - 1, i);
    project.file("compose.yaml", text);
    const LoadResult result = project.load();
    ASSERT_EQ(result.diagnostics.size(), 1u);
    EXPECT_EQ(result.diagnostics[0].code, "copy-limit");
}

}  // namespace
}  // namespace stack::compose::test
