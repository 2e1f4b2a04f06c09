#include "manager/engine/project_scope.hpp"

#include <gtest/gtest.h>

namespace stack::engine {
namespace {

TEST(ProjectScope, ContainersLieBesideTheSupervisorOfItsScopeElseBelowStack) {
    EXPECT_EQ(project_cgroup("/system.slice/stack-shop.scope/supervisor", "shop"),
              "/system.slice/stack-shop.scope");
    EXPECT_EQ(project_cgroup("/user.slice/session-1.scope", "shop"), "/stack/shop");
    EXPECT_EQ(project_cgroup("/system.slice/stack-other.scope/supervisor", "shop"), "/stack/shop");
    EXPECT_EQ(project_cgroup("/system.slice/my-stack-shop.scope/supervisor", "shop"), "/stack/shop");
    EXPECT_EQ(project_cgroup("", "shop"), "/stack/shop");
}

}  // namespace
}  // namespace stack::engine
