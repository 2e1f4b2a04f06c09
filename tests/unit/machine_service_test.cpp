#include "manager/supervisor/service_machine.hpp"

#include <csignal>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace stack;
using namespace stack::supervisor;
using namespace std::chrono_literals;
using plan::ContainerStatus;
using Kind = compose::RestartPolicy::Kind;

namespace {

// A machine with a clock by hand. Keeps the actions of the last step.
class ServiceMachine : public testing::Test {
  protected:
    void feed(const Event& event) { take(step(settings, state, event, now)); }
    void take(Step result) {
        state = std::move(result.state);
        actions = std::move(result.actions);
        for (const Action& action : actions) {
            if (const auto* arm = std::get_if<ArmTimer>(&action)) timer = arm->deadline;
            if (const auto* report = std::get_if<Report>(&action)) last = *report;
        }
    }
    /// Lets the armed timer fire in time.
    void fire() {
        ASSERT_TRUE(timer.has_value()) << "no timer is armed";
        now = std::max(now, *timer);
        timer.reset();
        feed(TimerFired{});
    }
    void run() {
        feed(StartRequested{});
        feed(Launched{.pid = 10});
    }
    template <typename A>
    [[nodiscard]] bool did(const A& wanted) const {
        return std::find(actions.begin(), actions.end(), Action{wanted}) != actions.end();
    }
    template <typename A>
    [[nodiscard]] const A* find() const {
        for (const Action& action : actions)
            if (const auto* found = std::get_if<A>(&action)) return found;
        return nullptr;
    }

    MachineSettings settings;
    MachineState state;
    TimePoint now{1000s};
    std::vector<Action> actions;
    std::optional<TimePoint> timer;
    Report last;
};

TEST_F(ServiceMachine, LaunchesAndPublishesNamesOnceItRuns) {
    feed(StartRequested{});
    EXPECT_THAT(actions, testing::ElementsAre(Action{Launch{}}));
    feed(Launched{.pid = 10});
    EXPECT_TRUE(did(PublishNames{}));
    EXPECT_EQ(last.status, ContainerStatus::running);
    EXPECT_FALSE(timer.has_value());
}

TEST_F(ServiceMachine, StaysDownAfterAnExitWithoutAPolicy) {
    run();
    feed(Exited{.exit_code = 3, .oom_killed = true});
    EXPECT_TRUE(did(WithdrawNames{}));
    EXPECT_EQ(last.status, ContainerStatus::exited);
    EXPECT_EQ(last.exit_code, 3);
    EXPECT_TRUE(last.oom_killed);
    EXPECT_FALSE(last.stopped_by_hand);
    EXPECT_EQ(state.phase, Phase::down);
}

TEST_F(ServiceMachine, StopsBySignalThenByKillWhenTheGracePeriodIsOver) {
    settings.stop_signal = SIGINT;
    run();
    feed(StopRequested{});
    EXPECT_TRUE(did(SendSignal{SIGINT}));
    EXPECT_EQ(timer, now + 10s);
    EXPECT_TRUE(last.stopped_by_hand) << "the record must know before the exit";
    fire();
    EXPECT_TRUE(did(Kill{}));
    feed(Exited{.exit_code = 137});
    EXPECT_EQ(last.status, ContainerStatus::exited);
    EXPECT_EQ(last.exit_code, 137);
    EXPECT_FALSE(state.deadline.has_value());
}

TEST_F(ServiceMachine, DoesNotKillWhatStopsInTime) {
    run();
    feed(StopRequested{.grace = 5s});
    now += 4s;
    feed(Exited{.exit_code = 143});
    EXPECT_FALSE(timer.has_value());
    now += 10s;
    feed(TimerFired{});  // one that was on its way
    EXPECT_THAT(actions, testing::IsEmpty());
}

TEST_F(ServiceMachine, TakesTheNearerEndWhenStoppedTwice) {
    run();
    feed(StopRequested{.grace = 10s});
    feed(StopRequested{.grace = 60s});
    EXPECT_EQ(timer, now + 10s);
    feed(StopRequested{.grace = 1s});
    EXPECT_EQ(timer, now + 1s);
    EXPECT_EQ(find<SendSignal>(), nullptr);
}

TEST_F(ServiceMachine, WaitsForEverWithANegativeGracePeriod) {
    run();
    feed(StopRequested{.grace = -1s});
    EXPECT_FALSE(timer.has_value());
}

TEST_F(ServiceMachine, AStopCancelsThePolicy) {
    settings.restart.kind = Kind::always;
    run();
    feed(StopRequested{});
    feed(Exited{.exit_code = 143});
    EXPECT_EQ(last.status, ContainerStatus::exited);
    EXPECT_EQ(state.phase, Phase::down);
}

TEST_F(ServiceMachine, RestartsAfterAGrowingWait) {
    settings.restart.kind = Kind::always;
    run();
    std::chrono::nanoseconds wait = 100ms;
    for (int i = 1; i <= 12; ++i) {
        now += 1s;
        feed(Exited{.exit_code = 1});
        EXPECT_EQ(last.status, ContainerStatus::restarting);
        EXPECT_EQ(last.exit_code, 1);
        EXPECT_EQ(last.restarts, i);
        EXPECT_EQ(timer, now + wait);
        wait = std::min<std::chrono::nanoseconds>(wait * 2, 60s);
        fire();
        EXPECT_TRUE(did(Launch{}));
        feed(Launched{.pid = 10});
    }
    now += 10s;
    feed(Exited{.exit_code = 0});
    EXPECT_EQ(timer, now + 100ms) << "ten seconds up are a good run";
}

TEST_F(ServiceMachine, GivesUpAfterTheLastAttemptOfOnFailure) {
    settings.restart = {.kind = Kind::on_failure, .max_attempts = 2};
    run();
    for (int i = 0; i < 2; ++i) {
        feed(Exited{.exit_code = 7});
        fire();
        feed(Launched{.pid = 10});
    }
    feed(Exited{.exit_code = 7});
    EXPECT_EQ(last.status, ContainerStatus::exited);
    EXPECT_EQ(last.restarts, 2);
}

TEST_F(ServiceMachine, AStopWhileItWaitsEndsTheWaiting) {
    settings.restart.kind = Kind::always;
    run();
    feed(Exited{.exit_code = 9});
    feed(StopRequested{});
    EXPECT_EQ(last.status, ContainerStatus::exited);
    EXPECT_EQ(last.exit_code, 9);
    EXPECT_TRUE(last.stopped_by_hand);
    EXPECT_FALSE(timer.has_value());
}

TEST_F(ServiceMachine, AStartWhileItWaitsLaunchesAtOnceWithAFreshHistory) {
    settings.restart.kind = Kind::always;
    run();
    feed(Exited{.exit_code = 9});
    feed(StartRequested{});
    EXPECT_TRUE(did(Launch{}));
    EXPECT_EQ(state.history, RestartHistory{});
}

TEST_F(ServiceMachine, AStopWhileItLaunchesComesRightAfterTheLaunch) {
    feed(StartRequested{});
    feed(StopRequested{.grace = 2s});
    EXPECT_THAT(actions, testing::IsEmpty());
    feed(Launched{.pid = 10});
    EXPECT_TRUE(did(SendSignal{SIGTERM}));
    EXPECT_EQ(timer, now + 2s);
}

TEST_F(ServiceMachine, AStartWhileItStopsLaunchesAfterTheExit) {
    run();
    feed(StopRequested{});
    feed(StartRequested{});
    EXPECT_EQ(find<Launch>(), nullptr);
    feed(Exited{.exit_code = 143});
    EXPECT_TRUE(did(Launch{}));
    EXPECT_EQ(state.phase, Phase::launching);
}

TEST_F(ServiceMachine, ReportsAFailedFirstLaunchAndDoesNotRepeatIt) {
    settings.restart.kind = Kind::always;
    feed(StartRequested{});
    feed(LaunchFailed{.exit_code = 127, .error = "no such command: sreve"});
    EXPECT_EQ(last.status, ContainerStatus::created);
    EXPECT_EQ(last.exit_code, 127);
    EXPECT_EQ(last.error, "no such command: sreve");
    EXPECT_EQ(state.phase, Phase::down);
    EXPECT_FALSE(timer.has_value());
}

TEST_F(ServiceMachine, RepeatsALaunchThatFailsWhileThePolicyRestarts) {
    settings.restart = {.kind = Kind::on_failure, .max_attempts = 2};
    run();
    feed(Exited{.exit_code = 1});
    fire();
    feed(LaunchFailed{.exit_code = 128, .error = "out of memory"});
    EXPECT_EQ(last.status, ContainerStatus::restarting);
    EXPECT_EQ(timer, now + 200ms);
    fire();
    feed(LaunchFailed{.exit_code = 128, .error = "out of memory"});
    EXPECT_EQ(last.status, ContainerStatus::exited);
}

TEST_F(ServiceMachine, AnExitThatOvertakesItsLaunchCounts) {
    feed(StartRequested{});
    feed(Exited{.exit_code = 2});
    EXPECT_EQ(last.status, ContainerStatus::exited);
    EXPECT_EQ(last.exit_code, 2);
    feed(Launched{.pid = 10});
    EXPECT_THAT(actions, testing::IsEmpty());
}

TEST_F(ServiceMachine, KillCancelsThePolicyAndOtherSignalsDoNot) {
    settings.restart.kind = Kind::always;
    run();
    feed(KillRequested{.signal = SIGHUP});
    EXPECT_TRUE(did(SendSignal{SIGHUP}));
    feed(Exited{.exit_code = 129});
    EXPECT_EQ(state.phase, Phase::backing_off);
    fire();
    feed(Launched{.pid = 11});
    feed(KillRequested{.signal = SIGTERM});
    EXPECT_TRUE(did(SendSignal{SIGTERM}));
    EXPECT_EQ(state.phase, Phase::running) << "nobody asked to wait for it";
    feed(KillRequested{.signal = SIGKILL});
    EXPECT_TRUE(did(Kill{}));
    feed(Exited{.exit_code = 137});
    EXPECT_EQ(state.phase, Phase::down);
}

TEST_F(ServiceMachine, ProbesWhileItRunsAndTellsHealthChanges) {
    settings.probe = plan::ProbeSettings{.argv = {"check"}, .interval = 10s, .timeout = 3s, .retries = 1};
    run();
    EXPECT_EQ(last.health, HealthStatus::starting);
    EXPECT_EQ(timer, now + 10s);
    fire();
    ASSERT_NE(find<RunProbe>(), nullptr);
    const std::uint64_t probe = find<RunProbe>()->probe;
    feed(ProbeEnded{.probe = probe, .exit_code = 0});
    EXPECT_EQ(last.health, HealthStatus::healthy);
    fire();
    fire();  // it takes too long
    EXPECT_TRUE(did(CancelProbe{probe + 1}));
    EXPECT_EQ(last.health, HealthStatus::unhealthy);
    EXPECT_EQ(last.status, ContainerStatus::running) << "unhealthy never restarts";
    EXPECT_EQ(state.phase, Phase::running);
}

TEST_F(ServiceMachine, EndsAProbeWithTheContainerAndIgnoresItsLateAnswer) {
    settings.probe = plan::ProbeSettings{.argv = {"check"}, .interval = 10s, .retries = 1};
    settings.restart.kind = Kind::always;
    run();
    fire();
    const std::uint64_t probe = find<RunProbe>()->probe;
    feed(Exited{.exit_code = 1});
    EXPECT_TRUE(did(CancelProbe{probe}));
    EXPECT_EQ(last.health, HealthStatus::none);
    fire();
    feed(Launched{.pid = 12});
    fire();
    EXPECT_TRUE(did(RunProbe{probe + 1}));
    feed(ProbeEnded{.probe = probe, .exit_code = 1});
    EXPECT_EQ(state.health.status, HealthStatus::starting) << "that was the run before";
}

TEST_F(ServiceMachine, DoesNotProbeWhileItStops) {
    settings.probe = plan::ProbeSettings{.argv = {"check"}, .interval = 1s};
    run();
    feed(StopRequested{.grace = 60s});
    EXPECT_EQ(timer, now + 60s);
}

TEST_F(ServiceMachine, ReArmsATimerThatCameTooEarly) {
    run();
    feed(StopRequested{});
    const TimePoint deadline = *timer;
    timer.reset();
    now = deadline - 1ms;
    feed(TimerFired{});
    EXPECT_EQ(timer, deadline);
    EXPECT_EQ(find<Kill>(), nullptr);
}

TEST_F(ServiceMachine, TakesOverARunningContainer) {
    settings.restart = {.kind = Kind::on_failure, .max_attempts = 3};
    settings.probe = plan::ProbeSettings{.argv = {"check"}, .interval = 10s};
    take(adopt_running(settings, {.restarts = 2, .health = HealthStatus::healthy}, now - 60s, now));
    EXPECT_TRUE(did(PublishNames{}));
    EXPECT_EQ(timer, now + 10s);
    EXPECT_EQ(state.health.status, HealthStatus::healthy);
    feed(Exited{.exit_code = 1});
    EXPECT_EQ(last.restarts, 3);
    EXPECT_EQ(timer, now + 100ms);
}

TEST_F(ServiceMachine, TakesOverAContainerThatEndedWhileNobodyLooked) {
    settings.restart.kind = Kind::unless_stopped;
    take(adopt_ended(settings, {}, {.exit_code = 5}, 3s, now));
    EXPECT_EQ(last.status, ContainerStatus::restarting);
    EXPECT_EQ(last.exit_code, 5);
    take(adopt_ended(settings, {.stopped_by_hand = true}, {.exit_code = 143}, 3s, now));
    EXPECT_EQ(last.status, ContainerStatus::exited);
}

// Random events in random order, against a model of the process: what must never happen, never does.
TEST_F(ServiceMachine, KeepsItsPromisesUnderRandomEvents) {
    std::mt19937 random{7};
    for (int round = 0; round < 300; ++round) {
        settings = {};
        settings.restart.kind = static_cast<Kind>(random() % 4);
        if (random() % 2 != 0)
            settings.probe = plan::ProbeSettings{.argv = {"x"}, .interval = 5s, .timeout = 2s};
        state = {};
        timer.reset();
        bool launching = false, process = false, published = false, probing = false;
        bool stopped = false;  // by hand, and not started since
        for (int i = 0; i < 200; ++i) {
            now += std::chrono::milliseconds{random() % 4000};
            const auto coin = [&random] { return static_cast<int>(random() % 2); };
            switch (random() % 9) {
                case 0:
                    stopped = false;
                    feed(StartRequested{});
                    break;
                case 1:
                    stopped = true;
                    feed(StopRequested{});
                    break;
                case 2:
                    stopped = true;
                    feed(KillRequested{.signal = SIGKILL});
                    break;
                case 3:
                    if (!launching) continue;
                    launching = false;
                    process = true;
                    feed(Launched{.pid = 3});
                    break;
                case 4:
                    if (!launching) continue;
                    launching = false;
                    feed(LaunchFailed{});
                    break;
                case 5:
                    if (!process) continue;
                    process = false;
                    feed(Exited{.exit_code = coin()});
                    break;
                case 6:
                    if (!probing) continue;
                    probing = false;
                    feed(ProbeEnded{.probe = state.health.probe, .exit_code = coin()});
                    break;
                default:
                    if (!timer || now < *timer) continue;
                    timer.reset();
                    feed(TimerFired{});
            }
            for (const Action& action : actions) {
                if (std::holds_alternative<Launch>(action)) {
                    ASSERT_FALSE(launching || process) << "two processes";
                    ASSERT_FALSE(stopped) << "launched against the will of the user";
                    launching = true;
                }
                if (std::holds_alternative<SendSignal>(action) || std::holds_alternative<Kill>(action)) {
                    ASSERT_TRUE(process) << "a signal to nobody";
                }
                if (std::holds_alternative<PublishNames>(action)) published = true;
                if (std::holds_alternative<WithdrawNames>(action)) published = false;
                if (std::holds_alternative<RunProbe>(action)) {
                    ASSERT_FALSE(probing) << "probes overlap";
                    probing = true;
                }
                if (std::holds_alternative<CancelProbe>(action)) probing = false;
            }
            ASSERT_EQ(published, process);
            ASSERT_FALSE(probing && !process);
            ASSERT_EQ(timer, state.armed);
            if (state.phase == Phase::backing_off || state.phase == Phase::stopping) {
                ASSERT_TRUE(timer.has_value()) << "waits for nothing";
            }
        }
    }
}

}  // namespace
