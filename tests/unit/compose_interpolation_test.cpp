// Every form of `${}`.
#include "manager/compose/interpolation.hpp"

#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

const VariableLookup kVariables = [](std::string_view name) -> std::optional<std::string> {
    if (name == "SET") return "value";
    if (name == "EMPTY") return "";
    if (name == "DOLLAR") return "$SET";
    return std::nullopt;
};

std::string expand(std::string_view text) {
    const InterpolatedText result = interpolate(text, kVariables);
    if (result.failure) return "failure: " + result.failure->message;
    std::string out = result.text;
    for (const auto& [name, offset] : result.unset) out += " unset:" + name + "@" + std::to_string(offset);
    return out;
}

TEST(ComposeInterpolation, PlainVariables) {
    EXPECT_EQ(expand("a $SET b"), "a value b");
    EXPECT_EQ(expand("a${SET}b"), "avalueb");
    EXPECT_EQ(expand("$SET_X.$SET-$EMPTY|"), ".value-| unset:SET_X@0");
    EXPECT_EQ(expand("${NOPE}x $NOPE"), "x  unset:NOPE@0 unset:NOPE@9");
}

TEST(ComposeInterpolation, Defaults) {
    EXPECT_EQ(expand("${NOPE:-d}"), "d");
    EXPECT_EQ(expand("${EMPTY:-d}"), "d");
    EXPECT_EQ(expand("${EMPTY-d}"), "");
    EXPECT_EQ(expand("${NOPE-d}"), "d");
    EXPECT_EQ(expand("${SET:-d}"), "value");
    EXPECT_EQ(expand("${NOPE:-}"), "");
}

TEST(ComposeInterpolation, ListsEveryVariableThatATextMayAskFor) {
    const std::vector<VariableUse> expected = {{"A", 0, false, ""},        {"B", '-', true, "${C-x$D}"},
                                               {"C", '-', false, "x$D"},   {"D", 0, false, ""},
                                               {"E", '?', true, "say so"}, {"F", '+', false, "f"}};
    EXPECT_EQ(variables_in("$A $$NO ${B:-${C-x$D}} ${!bad} $1 ${E:?say so}${F+f} ${unclosed"), expected);
}

TEST(ComposeInterpolation, Replacements) {
    EXPECT_EQ(expand("${SET:+r}"), "r");
    EXPECT_EQ(expand("${EMPTY:+r}"), "");
    EXPECT_EQ(expand("${EMPTY+r}"), "r");
    EXPECT_EQ(expand("${NOPE+r}"), "");
}

TEST(ComposeInterpolation, RequiredVariables) {
    EXPECT_EQ(expand("${NOPE:?set me}"), "failure: required variable NOPE is missing a value: set me");
    EXPECT_EQ(expand("${EMPTY:?set $SET}"), "failure: required variable EMPTY is missing a value: set value");
    EXPECT_EQ(expand("${EMPTY?m}"), "");
    EXPECT_EQ(expand("${NOPE?}"), "failure: required variable NOPE is missing a value");
    EXPECT_EQ(expand("${SET:?m}"), "value");
}

TEST(ComposeInterpolation, NestsWithBracesCounted) {
    EXPECT_EQ(expand("${A:-${B:-c}}"), "c");
    EXPECT_EQ(expand("${SET:+x${SET}}y"), "xvaluey");
    EXPECT_EQ(expand("${J:-{\"a\":{}}}"), "{\"a\":{}}");
    EXPECT_EQ(expand("${A:-$B}"), " unset:B@0");
}

TEST(ComposeInterpolation, ExpandsOnlyTheOperandThatIsUsed) {
    EXPECT_EQ(expand("${SET:-${NOPE:?never}}"), "value");
    EXPECT_EQ(expand("${NOPE:+${ALSO:?never}}"), "");
}

TEST(ComposeInterpolation, TheFirstOperatorDecides) {
    EXPECT_EQ(expand("${V-a?b}"), "a?b");
    EXPECT_EQ(expand("${V:-a:+b}"), "a:+b");
}

TEST(ComposeInterpolation, DollarSigns) {
    EXPECT_EQ(expand("$$"), "$");
    EXPECT_EQ(expand("$$SET $$$SET"), "$SET $value");
    EXPECT_EQ(expand("cost: $ 5, $1, $}"), "cost: $ 5, $1, $}");
    EXPECT_EQ(expand("end$"), "end$");
    EXPECT_EQ(expand("$DOLLAR"), "$SET");  // a value is not expanded again
}

TEST(ComposeInterpolation, RefusesMalformedExpressions) {
    for (const char* text : {"${}", "${ a}", "${a!}", "${a", "${1}", "${a:}", "${a:=b}", "${a b}"})
        EXPECT_EQ(expand(text), std::string{"failure: invalid interpolation format: \""} + text + "\"");
}

TEST(ComposeInterpolation, AValueOfSeveralLinesMayBeADefault) {
    EXPECT_EQ(expand("${A:-one\ntwo}"), "one\ntwo");
}

}  // namespace
}  // namespace stack::compose::test
