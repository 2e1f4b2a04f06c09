// Names and bits of capabilities, cap_add and cap_drop.
#include "runtime/base/error.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/container_defaults.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr int kLast = 40;
constexpr std::uint64_t kAll = (std::uint64_t{1} << 41) - 1;
constexpr std::uint64_t kUpTo37 = (std::uint64_t{1} << 38) - 1;

TEST(Capabilities, DefaultsAreDockersLessNetRaw) {
    EXPECT_EQ(default_capabilities().size(), 13u);
    EXPECT_THAT(default_capabilities(), Not(Contains("CAP_NET_RAW")));
    EXPECT_EQ(capability_mask(default_capabilities(), kLast), 0xa80405fbu & ~(1u << 13));
}

TEST(Capabilities, AreAddedAndDroppedByAnySpelling) {
    const auto names =
        resolve_capabilities({"CAP_CHOWN", "CAP_KILL"}, {"net_raw", "CAP_sys_time"}, {"Kill"}, kAll);
    EXPECT_THAT(names, ElementsAre("CAP_CHOWN", "CAP_NET_RAW", "CAP_SYS_TIME"));
}

TEST(Capabilities, DropAllThenAddLeavesTheAddedOnly) {
    EXPECT_THAT(resolve_capabilities(default_capabilities(), {"NET_BIND_SERVICE"}, {"ALL"}, kAll),
                ElementsAre("CAP_NET_BIND_SERVICE"));
    EXPECT_THAT(resolve_capabilities(default_capabilities(), {}, {"all"}, kAll), IsEmpty());
}

TEST(Capabilities, AddAllMeansWhatIsAvailable) {
    const auto names = resolve_capabilities({}, {"ALL"}, {"SYS_ADMIN"}, kUpTo37);
    EXPECT_EQ(names.size(), 37u);
    EXPECT_THAT(names, Not(Contains("CAP_SYS_ADMIN")));
    EXPECT_THAT(names, Not(Contains("CAP_BPF")));  // number 39
}

TEST(Capabilities, WhatIsNotAvailableIsRefusedByNameWhereItWasAskedFor) {
    const std::uint64_t without_resource = kAll & ~(std::uint64_t{1} << 24);
    EXPECT_THAT(resolve_capabilities({"CAP_CHOWN", "CAP_SYS_RESOURCE"}, {}, {}, without_resource),
                ElementsAre("CAP_CHOWN"));
    try {
        resolve_capabilities({}, {"ALL", "SYS_RESOURCE"}, {}, without_resource);
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::permission);
        EXPECT_THAT(error.message(), testing::HasSubstr("SYS_RESOURCE"));
    }
}

TEST(Capabilities, UnknownNameIsRefusedWithTheNearest) {
    try {
        resolve_capabilities({}, {"NET_ADMN"}, {}, kAll);
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
        EXPECT_EQ(error.hint(), "did you mean NET_ADMIN?");
    }
}

TEST(Capabilities, SetsLeaveInheritableAndAmbientEmpty) {
    const CapabilitySets sets = capability_sets(default_capabilities());
    EXPECT_EQ(sets.bounding, default_capabilities());
    EXPECT_EQ(sets.effective, sets.permitted);
    EXPECT_THAT(sets.inheritable, IsEmpty());
    EXPECT_THAT(sets.ambient, IsEmpty());
}

}  // namespace
}  // namespace stack
