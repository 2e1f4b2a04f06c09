// Limits that all files of a load share: what one file may not do, many files may not do together. (One hostile file
// alone: compose_errors_test.)
#include "tests/unit/compose_fixture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

std::string times(std::string_view text, int count) {
    std::string result;
    for (int i = 0; i < count; ++i) result += text;
    return result;
}

/// A file that includes `count` others, each with that text.
ComposeProject including(int count, const std::string& text) {
    ComposeProject project;
    std::string main = "include:\n";
    for (int i = 0; i < count; ++i) {
        main += fmt::format("  - f{}.yaml\n", i);
        project.file(fmt::format("f{}.yaml", i), text);
    }
    project.file("compose.yaml", main + "services: {web: {image: a}}\n");
    return project;
}

std::string first_code(ComposeProject project) {
    const LoadResult result = project.load();
    EXPECT_FALSE(result.project);
    return result.diagnostics.empty() ? "" : result.diagnostics[0].code;
}

TEST(ComposeLimits, CountAliasesOfAllFiles) {
    const std::string bomb = "x-a: &a [" + times("x,", 100) + "]\nx-b: &b [" + times("*a,", 100) +
                             "]\nx-c: [" + times("*b,", 10) + "]\n";
    EXPECT_EQ(first_code(including(20, bomb)), "alias-limit");
}

TEST(ComposeLimits, CountBytesOfAllFiles) {
    EXPECT_EQ(first_code(including(9, "x-a: \"" + std::string(2'000'000, 'x') + "\"\n")), "too-large");
}

TEST(ComposeLimits, CountValuesOfAllFiles) {
    EXPECT_EQ(first_code(including(7, "x-a: [" + times("a,", 200'000) + "]\n")), "too-large");
}

TEST(ComposeLimits, CountInterpolatedBytesOfAllFiles) {
    ComposeProject project = including(4, "x-a: [" + times("'${BIG}',", 20) + "]\n");
    project.request.environment = {{"BIG", std::string(1'000'000, 'x')}};
    EXPECT_EQ(first_code(std::move(project)), "interpolation-limit");
}

TEST(ComposeLimits, EndIncludesOfEndlessDepth) {
    ComposeProject project;
    project.file("compose.yaml", "include: [f0.yaml]\n");
    for (int i = 0; i < 150; ++i)
        project.file(fmt::format("f{}.yaml", i), fmt::format("include: [f{}.yaml]\n", i + 1));
    EXPECT_EQ(first_code(std::move(project)), "include-limit");
}

TEST(ComposeLimits, HoldForDepthInEveryFile) {
    EXPECT_EQ(first_code(including(1, "x-a: " + times("[", 100'000))), "yaml-syntax");
}

TEST(ComposeLimits, BytesThatAreNoTextNameTheFileAndWhoWantsIt) {
    ComposeProject project = including(1, std::string{"services: {a: {image: \"x\0\"}}\n", 30});
    EXPECT_EQ(project.messages(),
              "f0.yaml:1:25: error: a NUL byte in the file\n"
              "    1 | services: {a: {image: \"x?\"}}\n"
              "      |                         ^~\n"
              "compose.yaml:2:5: note: included here\n");
    project.file("f0.yaml", "services: {a: {image: \"\xc3\x28\"}}\n");
    EXPECT_EQ(project.messages(),
              "f0.yaml:1:24: error: the file is not valid UTF-8 (byte 0xc3)\n"
              "    1 | services: {a: {image: \"?(\"}}\n"
              "      |                        ^~~\n"
              "compose.yaml:2:5: note: included here\n");
}

}  // namespace
}  // namespace stack::compose::test
