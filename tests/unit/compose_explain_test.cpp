// Where values come from: `config --explain` and `--sources`.
#include "manager/compose/config_output.hpp"
#include "manager/compose/explain.hpp"
#include "runtime/base/error.hpp"
#include "tests/unit/compose_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::compose::test {
namespace {

using ::testing::HasSubstr;

std::string explained(ComposeProject& project, std::string_view path) {
    const LoadResult result = project.load();
    EXPECT_TRUE(result.project) << render(result.diagnostics, result.sources, false);
    return result.document ? render(explain(*result.document, path), result.sources) : std::string{};
}

// The message and the hint for a path that leads nowhere.
std::string complaint(ComposeProject& project, std::string_view path) {
    try {
        return explained(project, path);
    } catch (const Error& error) {
        return error.message() + "; " + error.hint();
    }
}

ComposeProject layered() {
    ComposeProject project;
    project.request.environment = {{"SHELL_VAR", "from shell"}};
    project.file(".env", "# names\nDB_NAME=shop\n")
        .file("web.env", "ONLY=file\nDB_URL=file\n")
        .file("compose.yaml", R"(services:
  web:
    image: nginx:${TAG:-1.25}
    env_file: web.env
    command: nginx -g "daemon off;"
    ports: ["8080:80"]
    environment:
      DB_URL: postgres://db/${DB_NAME:-app}
      SHELL_VAR:
    labels:
      traefik.http.routers.web.rule: a
)")
        .file("compose.override.yaml", R"(services:
  web:
    command: nginx -v
    environment:
      DB_URL: postgres://other/${DB_NAME}
)");
    return project;
}

TEST(ComposeExplain, NamesEveryPlaceInTheOrderInWhichTheyWereLaidOverEachOther) {
    ComposeProject project = layered();
    EXPECT_EQ(explained(project, "services.web.environment.DB_URL"),
              R"(services.web.environment.DB_URL: postgres://other/shop
  replaced   web.env:2:1                 DB_URL=file
  replaced   compose.yaml:8:15           DB_URL: postgres://db/${DB_NAME:-app}
                                         DB_NAME is "shop" from .env:2
  in effect  compose.override.yaml:5:15  DB_URL: postgres://other/${DB_NAME}
                                         DB_NAME is "shop" from .env:2
)");
}

TEST(ComposeExplain, TellsTheShellADefaultAndAnEnvFile) {
    ComposeProject project = layered();
    EXPECT_THAT(explained(project, "services.web.environment.SHELL_VAR"),
                HasSubstr("SHELL_VAR is \"from shell\" from the shell"));
    EXPECT_THAT(explained(project, "services.web.image"),
                HasSubstr("TAG is not set, so its default is taken"));
    EXPECT_THAT(explained(project, "services.web.environment.ONLY"), HasSubstr("in effect  web.env:1:1"));
}

TEST(ComposeExplain, ItemsOfAReplacedListShowTheWholeListBefore) {
    ComposeProject project = layered();
    EXPECT_EQ(explained(project, "services.web.command[1]"), R"(services.web.command[1]: -v
  replaced   compose.yaml:5:14           command: nginx -g "daemon off;"
  in effect  compose.override.yaml:3:14  command: nginx -v
)");
}

TEST(ComposeExplain, GoesThroughAllThatIsBelowAPath) {
    ComposeProject project = layered();
    const LoadResult result = project.load();
    std::vector<std::string> paths;
    for (const Explanation& one : explain(*result.document, "services.web.ports")) paths.push_back(one.path);
    EXPECT_THAT(paths, ::testing::UnorderedElementsAre(
                           "services.web.ports[0].mode", "services.web.ports[0].target",
                           "services.web.ports[0].published", "services.web.ports[0].protocol"));
}

TEST(ComposeExplain, KeysMayHoldDots) {
    ComposeProject project = layered();
    EXPECT_THAT(explained(project, "services.web.labels.traefik.http.routers.web.rule"),
                HasSubstr("compose.yaml:11:38"));
}

TEST(ComposeExplain, APathThatLeadsNowhereGetsASuggestion) {
    ComposeProject project = layered();
    EXPECT_EQ(complaint(project, "services.wbe.image"),
              "services.wbe.image is not in this project; did you mean services.web?");
    EXPECT_EQ(complaint(project, "services.web.ports[7]"),
              "services.web.ports[7] is not in this project; services.web.ports has 1 items, from [0]");
    EXPECT_EQ(complaint(project, "services.web.image.tag"),
              "services.web.image.tag is not in this project; services.web.image is a single value");
}

TEST(ComposeExplain, NamesTheWayToAnIncludedFileAndItsOwnVariables) {
    ComposeProject project;
    project.file("compose.yaml", "include: [sub/compose.yaml]\nservices: {web: {image: a}}\n")
        .file("sub/.env", "PG=16\n")
        .file("sub/compose.yaml", "services:\n  db:\n    image: postgres:${PG}\n");
    EXPECT_EQ(explained(project, "services.db.image"), R"(services.db.image: postgres:16
  in effect  sub/compose.yaml:3:12  image: postgres:${PG}
                                    PG is "16" from sub/.env:1
                                    included here: compose.yaml:1:11
)");
}

TEST(ComposeExplain, AsDataForPrograms) {
    ComposeProject project = layered();
    const LoadResult result = project.load();
    const nlohmann::json json = to_json(explain(*result.document, "services.web.image"));
    ASSERT_EQ(json.size(), 1u);
    EXPECT_EQ(json[0]["value"], "nginx:1.25");
    EXPECT_EQ(json[0]["places"][0]["line"], 3);
    EXPECT_EQ(json[0]["places"][0]["variables"][0]["name"], "TAG");
    EXPECT_EQ(json[0]["places"][0]["variables"][0]["defaulted"], true);
}

TEST(ComposeSources, StandBehindEveryValueAndChangeNothing) {
    ComposeProject project = layered();
    const LoadResult result = project.load();
    ConfigOutputOptions options;
    options.comment = [&](const Node& value) { return source_note(*result.document, value, result.sources); };
    const std::string text = config_yaml(*result.document->root, options);
    EXPECT_THAT(text, HasSubstr("DB_URL: postgres://other/shop                         "
                                "# compose.override.yaml:5:15, DB_NAME from .env:2\n"));
    EXPECT_THAT(text, HasSubstr("# not in a file\n"));
    ComposeProject again;
    again.request = project.request;
    again.request.files = {"-"};
    again.request.stdin_text = text;
    const LoadResult second = again.load();
    ASSERT_TRUE(second.document);
    EXPECT_EQ(config_yaml(*second.document->root), config_yaml(*result.document->root));
}

}  // namespace
}  // namespace stack::compose::test
