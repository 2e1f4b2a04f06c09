// Where containers with a `cgroup_parent` lie.
#include "manager/engine/cgroup_parents.hpp"
#include "runtime/base/error.hpp"

#include <gtest/gtest.h>

namespace stack::engine {
namespace {

constexpr const char* kPlain = "/stack/shop";
constexpr const char* kScope = "/system.slice/stack-shop.scope";

TEST(CgroupPlace, IsTheProjectsUnlessTheServiceSaysOtherwise) {
    EXPECT_EQ(cgroup_place("", kPlain, "1"), (CgroupPlace{kPlain, ""}));
    EXPECT_EQ(cgroup_place("", kScope, "1"), (CgroupPlace{kScope, ""}));
}

TEST(CgroupPlace, IsAnyGroupWhereNobodyRulesThem) {
    for (const char* wanted : {"/agents/web", "agents/web", "//agents/web/"})
        EXPECT_EQ(cgroup_place(wanted, kPlain, "1"), (CgroupPlace{"/agents/web", ""})) << wanted;
    EXPECT_EQ(cgroup_place("a-b.slice", kPlain, "1"), (CgroupPlace{"/a-b.slice", ""}));
}

TEST(CgroupPlace, IsAScopeInASliceUnderSystemd) {
    EXPECT_EQ(cgroup_place("agents.slice", kScope, "1"), (CgroupPlace{"/agents.slice", "stack-1.scope"}));
    EXPECT_EQ(cgroup_place("/a-b-c.slice", kScope, "1"),
              (CgroupPlace{"/a.slice/a-b.slice/a-b-c.slice", "stack-1.scope"}));
    for (const char* wanted : {"agents", "/a/b.slice", ".slice", "-a.slice", "a-.slice", "a--b.slice"})
        EXPECT_THROW(static_cast<void>(cgroup_place(wanted, kScope, "1")), Error) << wanted;
}

}  // namespace
}  // namespace stack::engine
