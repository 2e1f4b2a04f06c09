// Every key and every rule of the Compose format, one by one: tests/golden/compose/rows holds the cases, this runs
// them. What is expected is what the format says, whatever the program prints. Each load that succeeds is checked
// further: its canonical output loads to itself.
#include "tests/unit/compose_rows.hpp"

#include "manager/compose/config_output.hpp"
#include "manager/compose/keys.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/compose_fixture.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {

void PrintTo(const RowCase& one, std::ostream* out) {
    *out << one.chapter << ".yaml, " << one.row << ": " << one.claim;
}

namespace {

using nlohmann::json;

// The value below a dotted path; numbers count in lists. Keys may hold dots themselves. nullptr: not there.
const json* find_path(const json& root, std::string_view path) {
    if (path.empty()) return &root;
    for (std::size_t dot = path.find('.');; dot = path.find('.', dot + 1)) {
        const std::string step{path.substr(0, dot)};
        const std::string_view rest =
            dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
        const json* next = nullptr;
        if (root.is_object() && root.contains(step)) next = &root.at(step);
        if (root.is_array() && step.find_first_not_of("0123456789") == std::string::npos &&
            std::stoul(step) < root.size())
            next = &root.at(std::stoul(step));
        if (next)
            if (const json* found = find_path(*next, rest)) return found;
        if (dot == std::string_view::npos) return nullptr;
    }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

class ComposeRow : public ::testing::TestWithParam<RowCase> {
  protected:
    void SetUp() override {
        for (const auto& [name, text] : GetParam().files) project_.file(name, text);
        const std::string directory = project_.request.cwd;
        project_.request = GetParam().request;
        project_.request.cwd = directory + (project_.request.cwd.empty() ? "" : "/" + project_.request.cwd);
        directory_ = directory;
    }

    [[nodiscard]] ConfigOutputOptions options() const {
        ConfigOutputOptions options;
        options.all_resources = GetParam().all_resources;
        options.double_dollars = project_.request.interpolate;
        return options;
    }
    [[nodiscard]] std::string output(const LoadResult& result) const {
        return config_json(*result.document->root, options());
    }
    // The project directory is called /shop in what is expected.
    [[nodiscard]] std::string with_short_paths(const std::string& text) const {
        return replaced(text, directory_, "/shop");
    }

    void expect_diagnostics(const LoadResult& result, Severity severity,
                            const std::vector<std::string>& texts) {
        std::set<std::string> missing(texts.begin(), texts.end());
        for (const Diagnostic& diagnostic : result.diagnostics) {
            if (diagnostic.severity != severity) continue;
            const std::string message = with_short_paths(render(diagnostic, result.sources, false));
            const auto in_message = [&message](const std::string& text) {
                return message.find(text) != std::string::npos;
            };
            EXPECT_TRUE(std::any_of(texts.begin(), texts.end(), in_message)) << "not expected: " << message;
            std::erase_if(missing, in_message);
        }
        for (const std::string& text : missing)
            ADD_FAILURE() << "no message says \"" << text << "\"\n"
                          << with_short_paths(render(result.diagnostics, result.sources, false));
    }

    // Code and line that a case names are those of some error.
    void expect_error_data(const LoadResult& result) {
        const RowCase& one = GetParam();
        const auto fits = [&one](const Diagnostic& diagnostic) {
            const Position& position = diagnostic.position;
            return diagnostic.severity == Severity::error &&
                   (one.code.empty() || diagnostic.code == one.code) &&
                   (one.line.empty() || one.line == fmt::format("{}:{}", position.line, position.column));
        };
        EXPECT_TRUE(std::any_of(result.diagnostics.begin(), result.diagnostics.end(), fits))
            << "no error with code \"" << one.code << "\" in line " << one.line << "\n"
            << with_short_paths(render(result.diagnostics, result.sources, false));
    }

    void expect_output(const std::string& text) {
        const json document = json::parse(with_short_paths(text));
        for (const RowCase::Expected& expected : GetParam().expected) {
            const json* found = find_path(document, expected.path);
            EXPECT_TRUE(found && *found == expected.value)
                << expected.path << " is " << (found ? found->dump() : "absent") << "\nexpected "
                << expected.value.dump() << "\nin " << document.dump();
        }
        for (const std::string& path : GetParam().absent) {
            const json* found = find_path(document, path);
            EXPECT_FALSE(found) << path << " is there: " << found->dump();
        }
    }

    // What was printed is a compose file, and printing that gives the same text.
    void expect_to_load_to_itself(const std::string& printed, const std::string& text) {
        LoadRequest again = project_.request;
        again.files = {"-"};
        again.stdin_text = printed;
        again.project_directory = directory_;
        const LoadResult result = load(again);
        ASSERT_TRUE(result.project) << render(result.diagnostics, result.sources, false) << printed;
        EXPECT_EQ(output(result), text) << "from\n" << printed;
    }

    ComposeProject project_;
    std::string directory_;
};

TEST_P(ComposeRow, Holds) {
    const RowCase& one = GetParam();
    ASSERT_EQ(one.fault, "") << "in " << one.chapter << ".yaml";
    const LoadResult result = project_.load();
    expect_diagnostics(result, Severity::error, one.errors);
    expect_diagnostics(result, Severity::warning, one.warnings);
    if (!one.code.empty() || !one.line.empty()) expect_error_data(result);
    ASSERT_EQ(result.project.has_value(), one.errors.empty());
    if (!result.project) return;
    const std::string text = output(result);
    expect_output(text);
    if (!one.request.interpolate) return;
    expect_to_load_to_itself(text, text);
    expect_to_load_to_itself(config_yaml(*result.document->root, options()), text);
}

INSTANTIATE_TEST_SUITE_P(Rows, ComposeRow, ::testing::ValuesIn(row_cases()),
                         [](const auto& info) { return info.param.name; });

// ---- nothing is left out -----------------------------------------------------------------------------------------

std::set<std::string_view> rows_with_cases() {
    std::set<std::string_view> rows;
    for (const RowCase& one : row_cases()) rows.insert(one.row);
    return rows;
}

bool is_at_or_below(std::string_view path, std::string_view above) {
    return path.starts_with(above) &&
           (path.size() == above.size() || path[above.size()] == '.' || path[above.size()] == '[');
}

// True when the message names the key, one above it ("services.web.build" for services.*.build.args) or one below.
bool names_key(const std::string& message, std::string_view row) {
    const std::string named = message.substr(0, message.find(' '));
    const std::size_t name = named.find('.') + 1, key = named.find('.', name);
    if (key == std::string::npos) return false;
    const std::string path = named.substr(0, name) + "*" + named.substr(key);
    return is_at_or_below(row, path) || is_at_or_below(path, row);
}

TEST(ComposeRows, EveryKeyHasACase) {
    const std::set<std::string_view> shown = rows_with_cases();
    for (const KeyRow& row : key_table()) EXPECT_TRUE(shown.contains(row.path)) << row.path;
}

TEST(ComposeRows, EveryRuleHasACaseOrNamesItsTest) {
    const std::set<std::string_view> shown = rows_with_cases();
    for (const RowRule& rule : row_rules()) {
        if (rule.elsewhere.empty()) {
            EXPECT_TRUE(shown.contains(rule.id)) << rule.id << ": " << rule.text;
            continue;
        }
        const std::size_t space = rule.elsewhere.find(' '), dot = rule.elsewhere.rfind('.');
        std::ifstream file{stack::test::source_path(rule.elsewhere.substr(0, space))};
        const std::string text{std::istreambuf_iterator<char>{file}, {}};
        const std::string test = fmt::format("({}, {})", rule.elsewhere.substr(space + 1, dot - space - 1),
                                             rule.elsewhere.substr(dot + 1));
        EXPECT_NE(text.find(test), std::string::npos) << rule.id << ": no " << rule.elsewhere;
    }
}

// What no container can have yet stops `up`, by name, and nothing else.
TEST(ComposeRows, AKeyThatIsNotSupportedYetIsRefusedByNameWhereItIsToRun) {
    std::map<std::string_view, bool> refused;
    for (const KeyRow& row : key_table())
        if (row.state == KeyState::later) refused[row.path] = false;
    for (const RowCase& one : row_cases()) {
        const auto found = refused.find(one.row);
        if (found == refused.end() || found->second || !one.errors.empty()) continue;
        ComposeProject project;
        for (const auto& [name, text] : one.files) project.file(name, text);
        const std::string directory = project.request.cwd;
        project.request = one.request;
        project.request.cwd = directory;
        project.request.purpose = LoadPurpose::run;
        for (const Diagnostic& diagnostic : project.load().diagnostics)
            found->second |= diagnostic.code == "not-supported" && names_key(diagnostic.message, one.row);
    }
    for (const auto& [row, is_refused] : refused) EXPECT_TRUE(is_refused) << row;
}

TEST(ComposeRows, EveryCaseShowsAKeyOrARule) {
    std::set<std::string_view> known;
    for (const KeyRow& row : key_table()) known.insert(row.path);
    for (const RowRule& rule : row_rules()) known.insert(rule.id);
    for (const RowCase& one : row_cases()) EXPECT_TRUE(known.contains(one.row)) << one.row;
}

}  // namespace
}  // namespace stack::compose::test
