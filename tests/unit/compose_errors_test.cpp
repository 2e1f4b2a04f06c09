// Each mistake in tests/golden/compose/errors/NAME.yaml is told as NAME.txt says: place, line, caret, hint.
#include "tests/support/golden.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/compose_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::compose::test {
namespace {

const std::string kErrors = stack::test::source_path("tests/golden/compose/errors");

std::vector<std::string> error_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{kErrors})
        if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
    std::sort(names.begin(), names.end());
    return names;
}

class ComposeErrors : public ::testing::TestWithParam<std::string> {};

TEST_P(ComposeErrors, AreToldWithPlaceAndHint) {
    LoadRequest request;
    request.cwd = kErrors;
    request.files = {GetParam() + ".yaml"};
    const LoadResult result = load(request);
    EXPECT_FALSE(result.project);
    std::string text = render(result.diagnostics, result.sources, false);
    for (std::size_t at = text.find(kErrors); at != std::string::npos; at = text.find(kErrors, at))
        text.replace(at, kErrors.size(), "/project");
    EXPECT_TRUE(stack::test::matches_golden("compose/errors/" + GetParam() + ".txt", text));
}

INSTANTIATE_TEST_SUITE_P(Files, ComposeErrors, ::testing::ValuesIn(error_names()),
                         [](const auto& info) { return info.param; });

TEST(ComposeDiagnostics, AreDataWithStableCodes) {
    ComposeProject project;
    project.file("compose.yaml", "services:\n  web:\n    imgae: nginx\n");
    const LoadResult result = project.load();
    ASSERT_EQ(result.diagnostics.size(), 1u);
    const nlohmann::json expected{{"severity", "error"},
                                  {"code", "unknown-key"},
                                  {"message", "unknown key \"imgae\" in services.web"},
                                  {"file", project.path("compose.yaml")},
                                  {"line", 3},
                                  {"column", 5},
                                  {"hint", "did you mean \"image\"?"},
                                  {"service", "web"}};
    EXPECT_EQ(to_json(result.diagnostics[0]), expected);
}

TEST(ComposeDiagnostics, ColourMarksSeverityAndCaret) {
    ComposeProject project;
    project.file("compose.yaml", "services:\n  web:\n    imgae: nginx\n");
    const LoadResult result = project.load();
    EXPECT_NE(render(result.diagnostics, result.sources, true).find("\x1b[1;31merror:\x1b[0m"),
              std::string::npos);
}

TEST(ComposeDiagnostics, NameAllFilesOfAnOverrideChain) {
    ComposeProject project;
    project.file("base.yaml", "services:\n  web:\n    image: nginx\n    ports: [80, 80a]\n");
    project.file("over.yaml", "services:\n  web:\n    prots: [81]\n");
    project.request.files = {"base.yaml", "over.yaml"};
    EXPECT_EQ(project.messages(),
              "base.yaml:4:17: error: service \"web\": invalid port \"80a\": \"80a\" is not a port from 1 to "
              "65535\n"
              "    4 |     ports: [80, 80a]\n"
              "      |                 ^~~\n"
              "  hint: write CONTAINER, HOST:CONTAINER or IP:HOST:CONTAINER, with /udp if need be\n"
              "over.yaml:3:5: error: unknown key \"prots\" in services.web\n"
              "    3 |     prots: [81]\n"
              "      |     ^~~~~\n"
              "  hint: did you mean \"ports\"?\n"
              "2 errors\n");
}

// ---- hostile files: an answer soon, and not for much memory ------------------------------------------------------

std::string repeat(std::string_view text, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) result += text;
    return result;
}

struct HostileFile {
    std::string name, text, code;
};

class ComposeHostile : public ::testing::TestWithParam<HostileFile> {};

TEST_P(ComposeHostile, EndsSoonWithAnError) {
    ComposeProject project;
    project.file("compose.yaml", GetParam().text);
    const auto begin = std::chrono::steady_clock::now();
    const LoadResult result = project.load();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{20});  // slow only if quadratic
    EXPECT_FALSE(result.project);
    ASSERT_FALSE(result.diagnostics.empty());
    EXPECT_EQ(result.diagnostics[0].code, GetParam().code) << result.diagnostics[0].message;
    EXPECT_LT(render(result.diagnostics, result.sources, false).size(), 300'000u);
}

std::string alias_bomb() {
    std::string text = "x-a: &a [x,x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c < 'n'; ++c)
        text += std::string{"x-"} + c + ": &" + c + " [" +
                repeat(std::string{"*"} + static_cast<char>(c - 1) + ",", 10) + "]\n";
    return text + "services: {}\n";
}

std::string merge_bomb() {
    std::string text = "x-a: &a {";
    for (int i = 0; i < 100; ++i) text += "k" + std::to_string(i) + ": v, ";
    text += "}\n";
    for (int i = 0; i < 20000; ++i) text += "x-" + std::to_string(i) + ": {<<: *a}\n";
    return text;
}

std::string many_dollars() {
    std::string text = "services: {web: {image: x, environment: {A: \"";
    for (int i = 0; i < 200'000; ++i) text += "$V" + std::to_string(i) + " ";
    return text + "${}\"}}}\n";
}

INSTANTIATE_TEST_SUITE_P(
    Files, ComposeHostile,
    ::testing::Values(
        HostileFile{"AliasBomb", alias_bomb(), "alias-limit"},
        HostileFile{"MergeKeyBomb", merge_bomb(), "alias-limit"},
        HostileFile{"AliasOfItself", "x-a: &a {b: [*a]}\n", "yaml-syntax"},
        HostileFile{"DeepSequences", "services: " + repeat("[", 100'000), "yaml-syntax"},
        HostileFile{"DeepMaps", "services: " + repeat("{a: ", 100'000), "yaml-syntax"},
        HostileFile{"DeepBlocks", repeat("- ", 100'000), "yaml-syntax"},
        HostileFile{"DeepInterpolation",
                    "services: {web: {image: '" + repeat("${A:-", 100'000) + repeat("}", 100'000) + "'}}\n",
                    "interpolation-format"},
        HostileFile{"ManyDuplicates", "services:\n" + repeat("  web: {image: x}\n", 50'000), "duplicate-key"},
        HostileFile{"ManyUnknownKeys",
                    "services:\n  web:\n" +
                        [] {
                            std::string text;
                            for (int i = 0; i < 50'000; ++i) text += "    k" + std::to_string(i) + ": v\n";
                            return text;
                        }(),
                    "unknown-key"},
        HostileFile{"ManyVariables", many_dollars(), "unset-variable"},
        HostileFile{"UnterminatedQuote", "services: \"" + repeat("x\n", 1'000'000), "yaml-syntax"},
        HostileFile{"TooLarge", repeat(std::string(1 << 20, '#'), 17), "file"},
        HostileFile{"NulByte", std::string{"services: {web: {image: \"a\0b\"}}", 31}, "not-text"},
        HostileFile{"Binary", repeat("\xff\xfe\x01", 1000), "not-text"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace stack::compose::test
