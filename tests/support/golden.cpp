#include "tests/support/golden.hpp"

#include "runtime/base/text.hpp"
#include "tests/support/paths.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace stack::test {

namespace {

std::string read_or_empty(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

// The lines around the first difference, old and new; enough to see what happened.
std::string first_difference(std::string_view expected, std::string_view actual) {
    const std::vector<std::string> want = split(expected, '\n');
    const std::vector<std::string> have = split(actual, '\n');
    std::size_t at = 0;
    while (at < want.size() && at < have.size() && want[at] == have[at]) ++at;
    std::string result = "first difference in line " + std::to_string(at + 1) + ":\n";
    for (std::size_t i = at < 2 ? 0 : at - 2; i < at; ++i) result += "    " + want[i] + "\n";
    for (std::size_t i = at; i < want.size() && i < at + 5; ++i) result += "  - " + want[i] + "\n";
    for (std::size_t i = at; i < have.size() && i < at + 5; ++i) result += "  + " + have[i] + "\n";
    return result;
}

}  // namespace

::testing::AssertionResult matches_golden(const std::string& name, std::string_view text) {
    const std::string path = source_path("tests/golden/") + name;
    if (::getenv("STACK_UPDATE_GOLDEN") != nullptr) {
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
        std::ofstream{path, std::ios::binary} << text;
        return ::testing::AssertionSuccess();
    }
    if (!std::filesystem::exists(path))
        return ::testing::AssertionFailure()
               << "tests/golden/" << name
               << " does not exist; STACK_UPDATE_GOLDEN=1 writes it. The text is:\n"
               << text;
    const std::string expected = read_or_empty(path);
    if (expected == text) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << "differs from tests/golden/" << name << " (STACK_UPDATE_GOLDEN=1 rewrites it)\n"
           << first_difference(expected, text);
}

}  // namespace stack::test
