// The `.env` format.
#include "manager/compose/dotenv.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

const VariableLookup kShell = [](std::string_view name) -> std::optional<std::string> {
    if (name == "SHELL_VALUE") return "from shell";
    return std::nullopt;
};

std::string show(const Dotenv& dotenv) {
    std::string out;
    for (const DotenvEntry& entry : dotenv.entries)
        out += fmt::format("{}[{}]={}\n", entry.name, entry.line, entry.value ? *entry.value : "(none)");
    for (const DotenvProblem& problem : dotenv.problems)
        out += fmt::format("{}:{}: {}{}\n", problem.line, problem.column,
                           problem.is_error ? "" : "warning: ", problem.message);
    return out;
}
std::string parse(std::string_view text) {
    return show(parse_dotenv(text, kShell));
}

TEST(ComposeDotenv, SkipsBlankLinesCommentsAndAByteOrderMark) {
    EXPECT_EQ(parse("\xef\xbb\xbf# one\n\n  # two\r\n  A=1\r\nB=2"), "A[4]=1\nB[5]=2\n");
}

TEST(ComposeDotenv, TakesExportColonsAndSpaces) {
    EXPECT_EQ(parse("export A=1\nB : 2\nC= 3 \nexport=4\nd.e-f[0]=5\n"),
              "A[1]=1\nB[2]=2\nC[3]=3\nexport[4]=4\nd.e-f[0][5]=5\n");
}

TEST(ComposeDotenv, EndsABareValueAtACommentWithASpaceBefore) {
    EXPECT_EQ(parse("A=1 # c\nB=1# no\nC= # c\nD=#x\nE=\n"), "A[1]=1\nB[2]=1# no\nC[3]=\nD[4]=#x\nE[5]=\n");
}

TEST(ComposeDotenv, SingleQuotesAreLiteral) {
    EXPECT_EQ(parse("A='$X \\n #'\nB='it\\'s'\nC='one\ntwo' # c\nD=4\n"),
              "A[1]=$X \\n #\nB[2]=it's\nC[3]=one\ntwo\nD[5]=4\n");
}

TEST(ComposeDotenv, DoubleQuotesExpandEscapesThenVariables) {
    EXPECT_EQ(parse("A=1\nB=\"$A\\t\\$A \\\"q\\\" \\\\ \\0101\"\nC=\"one\ntwo\"\n"),
              "A[1]=1\nB[2]=1\t$A \"q\" \\ A\nC[3]=one\ntwo\n");
}

TEST(ComposeDotenv, DollarSigns) {
    EXPECT_EQ(parse("b=2\nA=a$$b\nB=a\\$b\nC=\"a\\$b\"\n"), "b[1]=2\nA[2]=a$b\nB[3]=a\\2\nC[4]=a$b\n");
}

TEST(ComposeDotenv, EarlierLinesAreVariablesAndTheEnvironmentBeatsThem) {
    EXPECT_EQ(parse("A=1\nSHELL_VALUE=file\nB=${A}${SHELL_VALUE}${C:-3}\n"),
              "A[1]=1\nSHELL_VALUE[2]=file\nB[3]=1from shell3\n");
}

TEST(ComposeDotenv, ANameAloneIsTakenFromTheEnvironment) {
    EXPECT_EQ(parse("SHELL_VALUE\nNOT_SET # c\n"), "SHELL_VALUE[1]=from shell\nNOT_SET[2]=(none)\n");
}

TEST(ComposeDotenv, TextBehindAClosingQuoteStartsTheNextStatement) {
    EXPECT_EQ(parse("A='1' B=2\n"), "A[1]=1\nB[1]=2\n");
}

TEST(ComposeDotenv, TellsTheLineOfAMistake) {
    EXPECT_EQ(parse("A=1\nB C=2\n"), "A[1]=1\n2:2: the name \"B C\" contains a space\n");
    EXPECT_EQ(parse("A=1\n\nB=\"x\nC=2\n"), "A[1]=1\n3:3: this quote is never closed\n");
    EXPECT_EQ(parse("=x\n"), "1:1: a name is missing before \"=\"\n");
    EXPECT_EQ(parse("A{=x\n"), "1:2: the name \"A{\" contains a character that is not allowed\n");
    EXPECT_EQ(parse("A=${B:?must}\n"), "1:3: required variable B is missing a value: must\n");
    EXPECT_EQ(parse("\nA=$NOPE\n"),
              "A[2]=\n2:3: warning: variable NOPE is not set, an empty string is used\n");
}

TEST(ComposeDotenv, RawFormatTakesLinesAsTheyAre) {
    EXPECT_EQ(show(parse_raw_env("# c\nA=\"$x\" # y\r\nB='\nSHELL_VALUE\n", kShell)),
              "A[2]=\"$x\" # y\nB[3]='\nSHELL_VALUE[4]=from shell\n");
}

TEST(ComposeDotenv, DoublingLinesEnd) {
    std::string text = "A=xxxxxxxxxxxxxxxx\n";
    for (int i = 0; i < 60; ++i) text += "A=$A$A\n";
    const Dotenv dotenv = parse_dotenv(text, kShell);
    ASSERT_FALSE(dotenv.problems.empty());
}

}  // namespace
}  // namespace stack::compose::test
