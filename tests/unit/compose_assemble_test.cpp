// From several documents to one tree: in which order things happen, and what of it a user can tell.
#include "tests/unit/compose_fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::compose::test {
namespace {

TEST(ComposeAssemble, DocumentsOfOneFileAreLaidOverEachOther) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {web: {image: a, user: first}}\n---\n"
                 "services: {web: {user: second}, job: {image: b}}\n---\n# nothing\n");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.services.at("web").user, "second");
    EXPECT_EQ(loaded.services.count("job"), 1u);
}

TEST(ComposeAssemble, AnOverrideFileMayBePartial) {
    ComposeProject project;
    project.file("a.yaml", "services: {web: {image: a}}\n")
        .file("b.yaml", "services: {web: {environment: }}\n");
    project.request.files = {"a.yaml", "b.yaml"};
    EXPECT_EQ(project.messages(),
              "b.yaml:1:18: error: services.web.environment is empty; it must be a map or a list\n"
              "    1 | services: {web: {environment: }}\n"
              "      |                  ^~~~~~~~~~~\n"
              "  hint: give it a value, or remove the key\n");
    project.file("a.yaml", "services: {web: {image: a, environment: {A: b}}}\n");
    EXPECT_EQ(project.loaded().services["web"].environment, (Environment{{"A", "b"}}));
}

TEST(ComposeAssemble, AnOverrideFileCanNotMendABrokenOne) {
    ComposeProject project;
    project.file("a.yaml", "services: {web: {image: a, environment: }}\n")
        .file("b.yaml", "services: {web: {environment: {A: b}}}\n");
    project.request.files = {"a.yaml", "b.yaml"};
    EXPECT_EQ(project.messages(),
              "a.yaml:1:28: error: services.web.environment is empty; it must be a map or a list\n"
              "    1 | services: {web: {image: a, environment: }}\n"
              "      |                            ^~~~~~~~~~~\n"
              "  hint: give it a value, or remove the key\n");
}

TEST(ComposeAssemble, TheValueOfAResetIsOfNoAccount) {
    ComposeProject project;
    project.file("a.yaml", "services: {web: {image: a, user: root}}\n")
        .file("b.yaml", "services: {web: {user: !reset '${UNSET:?}', ports: !reset {not: ports}}}\n");
    project.request.files = {"a.yaml", "b.yaml"};
    EXPECT_EQ(project.loaded().services["web"].user, "");
    EXPECT_EQ(project.messages(), "");
}

TEST(ComposeAssemble, StdinMayIncludeFilesOfTheWorkingDirectory) {
    ComposeProject project;
    project.file("db/compose.yaml", "services: {db: {image: a, volumes: ['./x:/x']}}\n");
    project.request.files = {"-"};
    project.request.stdin_text = "include: [db/compose.yaml]\n";
    EXPECT_EQ(project.loaded().services["db"].volumes[0].source, project.path("db/x"));
}

TEST(ComposeAssemble, StdinIsReadWhereTheCommandLineNamesIt) {
    ComposeProject project;
    project.file("x", "");
    project.request.environment = {{"COMPOSE_FILE", "-"}};
    EXPECT_EQ(project.messages(), "<stdin>: error: stdin is read only when it is named with \"-f -\"\n");
}

TEST(ComposeAssemble, AnOverrideActsOnWhatIncludeAndExtendsBroughtIn) {
    ComposeProject project;
    project.file("compose.yaml",
                 "include: [db.yaml]\nservices: {web: {extends: {file: base.yaml, service: base}}}\n");
    project.file("db.yaml", "services: {db: {image: a, ports: [80], user: db}}\n");
    project.file("base.yaml", "services: {base: {image: b, ports: [80], user: base}}\n");
    project.file("compose.override.yaml",
                 "services: {db: {ports: !reset []}, web: {ports: !override [81], user: !reset null}}\n");
    const Project loaded = project.loaded();
    EXPECT_TRUE(loaded.services.at("db").ports.empty());
    EXPECT_EQ(loaded.services.at("db").user, "db");
    ASSERT_EQ(loaded.services.at("web").ports.size(), 1u);
    EXPECT_EQ(loaded.services.at("web").ports[0].target, 81);
    EXPECT_EQ(loaded.services.at("web").user, "");
}

TEST(ComposeAssemble, EnvFilesOfTwoDirectoriesAreTwo) {
    ComposeProject project;
    project.file("compose.yaml", "include: [db/c.yaml]\nservices: {db: {env_file: a.env}}\n");
    project.file("db/c.yaml", "services: {db: {image: a, env_file: [a.env, ../a.env]}}\n");
    project.file("a.env", "A=outer\nO=1\n").file("db/a.env", "A=inner\nI=1\n");
    EXPECT_EQ(project.loaded().services["db"].environment,
              (Environment{{"A", "outer"}, {"I", "1"}, {"O", "1"}}));
}

TEST(ComposeAssemble, TheWayToAFileIsPartOfTheDiagnosticAsData) {
    ComposeProject project;
    project.file("compose.yaml", "include: [db.yaml]\n").file("db.yaml", "services: {db: {imgae: a}}\n");
    const LoadResult result = project.load();
    ASSERT_EQ(result.diagnostics.size(), 1u);
    const nlohmann::json related = nlohmann::json::array({{{"message", "included here"},
                                                           {"file", project.path("compose.yaml")},
                                                           {"line", 1},
                                                           {"column", 11}}});
    EXPECT_EQ(to_json(result.diagnostics[0])["related"], related);
}

TEST(ComposeAssemble, AMistakeOfABaseIsNotBlamedOnWhoExtendsIt) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {extends: base}, base: {image: 5}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:48: error: services.base.image must be a string, not \"5\"\n"
              "    1 | services: {web: {extends: base}, base: {image: 5}}\n"
              "      |                                                ^\n"
              "  hint: put it in quotes: \"5\"\n");
}

}  // namespace
}  // namespace stack::compose::test
