// The table of keys, and the page made of it.
#include "manager/compose/keys.hpp"
#include "tests/support/golden.hpp"
#include "tests/unit/compose_rows.hpp"

#include <set>

#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

TEST(ComposeKeys, HoldEveryKeyOfTheSpecificationOnce) {
    std::set<std::string_view> paths;
    for (const KeyRow& row : key_table()) EXPECT_TRUE(paths.insert(row.path).second) << row.path;
    EXPECT_EQ(paths.size(), 357u);
}

TEST(ComposeKeys, SayWhyAKeyIsRefusedIgnoredOrWorksInPart) {
    for (const KeyRow& row : key_table())
        if (row.state == KeyState::refused || row.state == KeyState::partly ||
            row.state == KeyState::ignored) {
            EXPECT_FALSE(row.remark.empty()) << row.path;
        }
}

TEST(ComposeKeys, AKeyWorksOnlyWhereTheKeyAboveItDoes) {
    for (const KeyRow& row : key_table()) {
        if (row.state == KeyState::later || row.state == KeyState::refused) continue;
        for (const KeyRow& above : key_table()) {
            const bool below = row.path.size() > above.path.size() && row.path.starts_with(above.path) &&
                               (row.path[above.path.size()] == '.' || row.path[above.path.size()] == '[');
            if (below) {
                EXPECT_TRUE(above.state != KeyState::later && above.state != KeyState::refused)
                    << row.path << " below " << above.path;
            }
        }
    }
}

TEST(ComposeKeys, DocumentIsUpToDate) {
    EXPECT_TRUE(stack::test::matches_golden("../../docs/compose.md", key_table_markdown(shown_by)));
}

}  // namespace
}  // namespace stack::compose::test
