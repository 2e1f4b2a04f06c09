// Whole texts compared with files below tests/golden. STACK_UPDATE_GOLDEN=1 rewrites the files instead.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace stack::test {

/// EXPECT_TRUE(matches_golden("plan/scale_down.txt", plan_text(plan)));  A mismatch shows the differing
/// lines.
::testing::AssertionResult matches_golden(const std::string& name, std::string_view text);

}  // namespace stack::test
