#include "manager/supervisor/restart_policy.hpp"

#include <gtest/gtest.h>

using namespace stack;
using namespace stack::supervisor;
using namespace std::chrono_literals;
using Kind = compose::RestartPolicy::Kind;

namespace {

TEST(RestartPolicy, DoublesTheWaitFromATenthOfASecondToAMinute) {
    RestartHistory history;
    std::chrono::nanoseconds expected = 100ms;
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(next_restart({.kind = Kind::always}, history, 1, 1s), expected) << i;
        expected = std::min<std::chrono::nanoseconds>(expected * 2, 60s);
    }
    EXPECT_EQ(history.restarts, 20);
}

TEST(RestartPolicy, BeginsAgainAfterARunOfTenSeconds) {
    RestartHistory history;
    for (int i = 0; i < 5; ++i) (void)next_restart({.kind = Kind::always}, history, 1, 0s);
    EXPECT_EQ(next_restart({.kind = Kind::always}, history, 1, 10s - 1ns), 3200ms);
    EXPECT_EQ(next_restart({.kind = Kind::always}, history, 1, 10s), 100ms);
}

TEST(RestartPolicy, OnFailureCountsAttemptsAndIgnoresSuccess) {
    const compose::RestartPolicy policy{.kind = Kind::on_failure, .max_attempts = 2};
    RestartHistory history;
    EXPECT_TRUE(next_restart(policy, history, 1, 0s));
    EXPECT_TRUE(next_restart(policy, history, 137, 60s));
    EXPECT_FALSE(next_restart(policy, history, 1, 60s));
    EXPECT_EQ(history.restarts, 2);
    RestartHistory fresh;
    EXPECT_FALSE(next_restart(policy, fresh, 0, 0s));
    EXPECT_EQ(fresh, RestartHistory{});
}

TEST(RestartPolicy, RestartsAfterSuccessOnlyWithAlwaysAndUnlessStopped) {
    for (const auto& [kind, expected] : {std::pair{Kind::no, false},
                                         {Kind::on_failure, false},
                                         {Kind::always, true},
                                         {Kind::unless_stopped, true}}) {
        RestartHistory history;
        EXPECT_EQ(next_restart({.kind = kind}, history, 0, 0s).has_value(), expected);
    }
}

TEST(RestartPolicy, HonoursAFixedDelayAndAWindow) {
    const compose::RestartPolicy policy{
        .kind = Kind::on_failure, .max_attempts = 1, .delay = 5s, .window = 2s};
    RestartHistory history;
    EXPECT_EQ(next_restart(policy, history, 1, 1s), 5s);
    EXPECT_FALSE(next_restart(policy, history, 1, 1s));
    EXPECT_EQ(next_restart(policy, history, 1, 2s), 5s) << "a run of the window's length is a good start";
}

TEST(RestartPolicy, TellsAlwaysFromUnlessStoppedAtBoot) {
    EXPECT_TRUE(restarts_at_boot({.kind = Kind::always}, true, 0));
    EXPECT_FALSE(restarts_at_boot({.kind = Kind::unless_stopped}, true, 0));
    EXPECT_TRUE(restarts_at_boot({.kind = Kind::unless_stopped}, false, 0));
    EXPECT_FALSE(restarts_at_boot({.kind = Kind::no}, false, 1));
    EXPECT_TRUE(restarts_at_boot({.kind = Kind::on_failure}, false, 1));
    EXPECT_FALSE(restarts_at_boot({.kind = Kind::on_failure}, false, 0));
}

}  // namespace
