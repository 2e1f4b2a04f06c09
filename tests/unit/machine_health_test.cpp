#include "manager/supervisor/health.hpp"

#include <gtest/gtest.h>

using namespace stack;
using namespace stack::supervisor;
using namespace std::chrono_literals;

namespace {

// Runs probes along a clock that only moves when told to.
class Health : public testing::Test {
  protected:
    void begin(HealthStatus status = HealthStatus::starting) {
        state = begin_health(settings, now, now, status);
    }
    /// To the next deadline; says what happens there.
    HealthDecision to_deadline() {
        now = state.deadline.value();
        return health_timer(settings, state, now);
    }
    /// One whole probe of `took`.
    HealthDecision probe(int exit_code, std::chrono::nanoseconds took = 10ms) {
        EXPECT_TRUE(to_deadline().run_probe);
        now += took;
        return health_result(settings, state, state.probe, exit_code, now);
    }

    plan::ProbeSettings settings{.argv = {"check"}, .interval = 10s, .timeout = 3s, .retries = 3};
    TimePoint now{1000s};
    HealthState state;
};

TEST_F(Health, ProbesFirstOneIntervalAfterTheStartAndThenAfterEachEnd) {
    begin();
    EXPECT_EQ(state.deadline, now + 10s);
    probe(0, 2s);
    EXPECT_EQ(state.deadline, now + 10s);
}

TEST_F(Health, TurnsHealthyWithTheFirstSuccess) {
    begin();
    const HealthDecision decision = probe(0);
    EXPECT_TRUE(decision.changed);
    EXPECT_EQ(state.status, HealthStatus::healthy);
    EXPECT_FALSE(probe(0).changed);
}

TEST_F(Health, TurnsUnhealthyAfterRetriesFailuresInARow) {
    begin();
    probe(0);
    probe(1);
    probe(1);
    EXPECT_EQ(state.status, HealthStatus::healthy);
    probe(0);
    probe(1);
    probe(1);
    EXPECT_TRUE(probe(1).changed);
    EXPECT_EQ(state.status, HealthStatus::unhealthy);
    EXPECT_FALSE(probe(1).changed);
    EXPECT_TRUE(probe(0).changed);
    EXPECT_EQ(state.status, HealthStatus::healthy);
}

TEST_F(Health, DoesNotCountFailuresInsideTheStartPeriodAndProbesFasterThere) {
    settings.start_period = 20s;
    settings.start_interval = 2s;
    begin();
    const TimePoint started = now;
    int probes = 0;
    while (now - started < 20s) {
        EXPECT_EQ(state.deadline, now + 2s);
        probe(1);
        ++probes;
        EXPECT_EQ(state.status, HealthStatus::starting);
    }
    EXPECT_EQ(probes, 10);  // 2.01 s each; the tenth ends beyond the period and counts
    EXPECT_EQ(state.failing_streak, 1);
    EXPECT_EQ(state.deadline, now + 10s);
    probe(1);
    probe(1);
    EXPECT_EQ(state.status, HealthStatus::unhealthy);
}

TEST_F(Health, EndsTheStartPeriodWithASuccess) {
    settings.start_period = 60s;
    settings.start_interval = 1s;
    begin();
    probe(0);
    EXPECT_EQ(state.deadline, now + 10s);
    for (int i = 0; i < 3; ++i) probe(1);
    EXPECT_EQ(state.status, HealthStatus::unhealthy);
}

TEST_F(Health, CancelsAProbeThatOverrunsAndCountsItAsFailed) {
    settings.retries = 1;
    begin();
    EXPECT_TRUE(to_deadline().run_probe);
    const std::uint64_t running = state.probe;
    EXPECT_EQ(state.deadline, now + 3s);
    const HealthDecision decision = to_deadline();
    EXPECT_TRUE(decision.cancel_probe);
    EXPECT_TRUE(decision.changed);
    EXPECT_EQ(state.status, HealthStatus::unhealthy);
    EXPECT_EQ(health_result(settings, state, running, 0, now), HealthDecision{})
        << "its late answer is stale";
    EXPECT_EQ(state.status, HealthStatus::unhealthy);
}

TEST_F(Health, NeverOverlapsProbesHoweverOftenTheTimerFires) {
    begin();
    int running = 0;
    for (int i = 0; i < 1000; ++i) {
        now += 250ms;
        const HealthDecision decision = health_timer(settings, state, now);
        if (decision.cancel_probe) --running;
        if (decision.run_probe) ++running;
        ASSERT_LE(running, 1);
        if (i % 7 == 0 && state.probing) {
            health_result(settings, state, state.probe, i % 2, now);
            --running;
        }
    }
}

TEST_F(Health, KeepsWhatARecordSaysWhenTakenOver) {
    begin(HealthStatus::healthy);
    EXPECT_EQ(state.status, HealthStatus::healthy);
    EXPECT_EQ(health_word(state.status), std::string{"healthy"});
    EXPECT_EQ(health_from_word("unhealthy"), HealthStatus::unhealthy);
    EXPECT_EQ(health_from_word(""), HealthStatus::none);
}

}  // namespace
