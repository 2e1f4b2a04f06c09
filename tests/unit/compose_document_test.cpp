// YAML text -> positioned tree.
#include "manager/compose/document.hpp"
#include "manager/compose/scalar.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

struct Parsed {
    Tree tree;
    Reporter reporter;
    DocumentBudget budget;
    std::vector<Node*> roots;

    explicit Parsed(std::string text) {
        const auto file = tree.add_file("f", std::make_shared<const std::string>(std::move(text)));
        roots = parse_documents(tree, file, budget, reporter);
    }
    std::string errors() {
        std::string out;
        for (const Diagnostic& d : reporter.take({}))
            out += fmt::format("{}:{}: {}\n", d.position.line, d.position.column, d.message);
        return out;
    }
    // The tree with places, on one line.
    std::string dump(const Node& node) {
        const Position at = tree.position(node);
        std::string out = fmt::format("@{}:{}", at.line, at.column);
        switch (node.kind) {
            case NodeKind::null:
                return "null" + out;
            case NodeKind::scalar:
                return fmt::format("{}{}{}", node.is_string ? "'" : "", node.text, out);
            case NodeKind::sequence:
                out = "[";
                break;
            case NodeKind::mapping:
                out = "{";
                break;
        }
        for (const Entry& entry : node.items()) {
            if (out.size() > 1) out += " ";
            if (entry.key) out += fmt::format("{}: ", dump(*entry.key));
            out += dump(*entry.value);
        }
        return out + (node.is_mapping() ? "}" : "]");
    }
    std::string dump() {
        return roots.size() == 1 ? dump(*roots[0]) : fmt::format("{} documents", roots.size());
    }
};

TEST(ComposeDocument, KnowsThePlaceOfEveryKeyAndValue) {
    EXPECT_EQ(Parsed("a: 1\nb:\n  - x\n  - {c: 'y'}\nd:\n").dump(),
              "{a@1:1: 1@1:4 b@2:1: [x@3:5 {c@4:6: 'y@4:9}] d@5:1: null@5:1}");
}

TEST(ComposeDocument, CountsColumnsInCharactersAndLinesOfEitherKind) {
    EXPECT_EQ(Parsed("ä: {ö: 1}\r\nb: 2\r\n").dump(), "{ä@1:1: {ö@1:5: 1@1:8} b@2:1: 2@2:4}");
}

TEST(ComposeDocument, CopiesAliasesWithThePlaceOfTheirAnchor) {
    EXPECT_EQ(Parsed("a: &x {b: 1}\nc: *x\n").dump(), "{a@1:1: {b@1:8: 1@1:11} c@2:1: {b@1:8: 1@1:11}}");
}

TEST(ComposeDocument, AppliesMergeKeysWithLocalKeysAndEarlierMapsFirst) {
    EXPECT_EQ(Parsed("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\n")
                  .dump(*Parsed("q: 1\n").roots[0]),
              "{q@1:1: 1@1:4}");
    Parsed parsed("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\n");
    ASSERT_EQ(parsed.roots.size(), 1u);
    EXPECT_EQ(parsed.dump(*parsed.roots[0]->find("c")), "{x@3:19: 3@3:22 y@1:14: 1@1:17 z@2:14: 2@2:17}");
}

TEST(ComposeDocument, TakesAQuotedMergeSignForAnOrdinaryKey) {
    EXPECT_EQ(Parsed("c: {'<<': {a: 1}}\n").dump(), "{c@1:1: {'<<@1:5: {a@1:12: 1@1:15}}}");
}

TEST(ComposeDocument, ReadsNestedFlowAndBlockLists) {
    EXPECT_EQ(Parsed("a: [[x, y], [z]]\nb:\n- - p\n  - q\n").dump(),
              "{a@1:1: [[x@1:6 y@1:9] [z@1:14]] b@2:1: [[p@3:5 q@4:5]]}");
}

TEST(ComposeDocument, KeepsResetAndOverrideTags) {
    Parsed parsed("a: !reset null\nb: !override [1]\nc: !reset\n");
    ASSERT_EQ(parsed.roots.size(), 1u) << parsed.errors();
    EXPECT_EQ(parsed.roots[0]->find("a")->tag, NodeTag::reset);
    EXPECT_EQ(parsed.roots[0]->find("b")->tag, NodeTag::override_);
    EXPECT_EQ(parsed.roots[0]->find("c")->tag, NodeTag::reset);
}

TEST(ComposeDocument, ReadsSeveralDocuments) {
    EXPECT_EQ(Parsed("a: 1\n---\nb: 2\n").roots.size(), 2u);
    EXPECT_EQ(Parsed("---\na: 1\n...\n").roots.size(), 1u);
}

TEST(ComposeDocument, RefusesADedentThatYamlCppTakesForANewDocument) {
    EXPECT_EQ(Parsed("  a: 1\nb: 2\n").errors(),
              "2:1: this line is indented less than the first line of the document\n");
}

TEST(ComposeDocument, RefusesAQuoteThatNeverEnds) {
    EXPECT_EQ(Parsed("a: \"x\nb: 2\n").errors(), "1:4: this quote is never closed\n");
    EXPECT_EQ(Parsed("a: [1, 'x]\nb: 2\n").errors(), "1:8: this quote is never closed\n");
    EXPECT_EQ(Parsed("a: 'it''s'\nb: \"q\\\"\"\nc: &x \"y\"\n").errors(), "");
}

TEST(ComposeDocument, RefusesAKeyWithoutColon) {
    EXPECT_EQ(Parsed("a: 1\nb\n").errors(), "2:1: \"b\" has no \":\" behind it\n");
    EXPECT_EQ(Parsed("{a, b: 1}\n").errors(), "");
    EXPECT_EQ(Parsed("? a\n: 1\n").errors(), "");
    EXPECT_EQ(Parsed("\"a\" : 1\nb : 2\n").errors(), "");
}

TEST(ComposeDocument, RefusesUnknownTags) {
    EXPECT_EQ(Parsed("a: !secret x\n").errors(), "1:4: unknown tag \"!secret\"\n");
}

TEST(ComposeScalar, ReadsYaml12AndTheOldFormsOfGoYaml) {
    const auto text = [](std::string plain) {
        Parsed parsed("a: " + plain + "\n");
        return scalar_text(*parsed.roots.at(0)->find("a"));
    };
    EXPECT_EQ(text("0x1f"), "31");
    EXPECT_EQ(text("0440"), "288");
    EXPECT_EQ(text("0o17"), "15");
    EXPECT_EQ(text("0b101"), "5");
    EXPECT_EQ(text("1_000"), "1000");
    EXPECT_EQ(text("-5"), "-5");
    EXPECT_EQ(text("1.10"), "1.1");
    EXPECT_EQ(text("1e3"), "1000");
    EXPECT_EQ(text("1.0"), "1");
    EXPECT_EQ(text("1e21"), "1e+21");
    EXPECT_EQ(text("0.00001"), "1e-05");
    EXPECT_EQ(text("True"), "true");
    EXPECT_EQ(text("yes"), "yes");
    EXPECT_EQ(text("'1.10'"), "1.10");
    EXPECT_EQ(text("08"), "8");
    EXPECT_EQ(text("22:22"), "22:22");
    EXPECT_EQ(text("1.2.3"), "1.2.3");
}

}  // namespace
}  // namespace stack::compose::test
