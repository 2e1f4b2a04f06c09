#include "manager/engine/executor.hpp"

#include "runtime/base/error.hpp"

#include <string>

#include <gtest/gtest.h>

namespace stack::engine {
namespace {

plan::Operation operation(int id, std::vector<int> prerequisites,
                          plan::OperationKind kind = plan::OperationKind::start_container) {
    plan::Operation result;
    result.id = id;
    result.kind = kind;
    result.name = "op" + std::to_string(id);
    result.prerequisites = std::move(prerequisites);
    return result;
}

// Notes the order of starts; fails or hangs where told to.
class RecordingRunner : public OperationRunner {
  public:
    explicit RecordingRunner(EventLoop& loop) : never_{loop} {}
    Task<> run(const plan::Operation& op) override {
        started.push_back(op.id);
        ++running;
        most_running = std::max(most_running, running);
        co_await sleep_for(std::chrono::microseconds{100});
        if (op.id == hangs) co_await never_.wait();
        --running;
        if (op.id == fails) throw Error{ErrorKind::failed, "planned failure"};
    }
    std::vector<int> started;
    int fails = -1, hangs = -1, running = 0, most_running = 0;

  private:
    Signal never_;
};

ExecutionResult run(const plan::Plan& plan, RecordingRunner& runner, EventLoop& loop,
                    std::size_t parallel = 0) {
    ExecutionResult result;
    PlanExecution execution{loop, plan, runner, parallel};
    auto body = [](PlanExecution* e, ExecutionResult* out) -> Task<> { *out = co_await e->run(); };
    loop.run(body(&execution, &result));
    return result;
}

TEST(Executor, StartsNothingBeforeItsPrerequisites) {
    EventLoop loop;
    RecordingRunner runner{loop};
    plan::Plan plan{{operation(0, {}), operation(1, {0}), operation(2, {0}), operation(3, {1, 2})}, {}, {}};
    const ExecutionResult result = run(plan, runner, loop);
    EXPECT_TRUE(result.failures.empty());
    ASSERT_EQ(runner.started.size(), 4u);
    EXPECT_EQ(runner.started.front(), 0);
    EXPECT_EQ(runner.started.back(), 3);
}

TEST(Executor, SkipsWhatDependsOnAFailureAndDoesTheRest) {
    EventLoop loop;
    RecordingRunner runner{loop};
    runner.fails = 0;
    plan::Plan plan{{operation(0, {}), operation(1, {0}), operation(2, {1}), operation(3, {})}, {}, {}};
    const ExecutionResult result = run(plan, runner, loop);
    ASSERT_EQ(result.failures.size(), 1u);
    EXPECT_EQ(result.failures[0].operation, 0);
    EXPECT_EQ(result.skipped, (std::vector<int>{1, 2}));
    EXPECT_EQ(runner.started, (std::vector<int>{0, 3}));
}

TEST(Executor, PassesThroughBarriersWithoutRunningThem) {
    EventLoop loop;
    RecordingRunner runner{loop};
    plan::Plan plan{
        {operation(0, {}), operation(1, {0}, plan::OperationKind::barrier), operation(2, {1})}, {}, {}};
    EXPECT_TRUE(run(plan, runner, loop).failures.empty());
    EXPECT_EQ(runner.started, (std::vector<int>{0, 2}));
}

TEST(Executor, KeepsToItsParallelLimit) {
    EventLoop loop;
    RecordingRunner runner{loop};
    plan::Plan plan;
    for (int i = 0; i < 20; ++i) plan.operations.push_back(operation(i, {}));
    EXPECT_TRUE(run(plan, runner, loop, 3).failures.empty());
    EXPECT_EQ(runner.most_running, 3);
    EXPECT_EQ(runner.started.size(), 20u);
}

TEST(Executor, CancelEndsRunningOperationsAndStartsNoMore) {
    EventLoop loop;
    RecordingRunner runner{loop};
    runner.hangs = 0;
    plan::Plan plan{{operation(0, {}), operation(1, {0})}, {}, {}};
    PlanExecution execution{loop, plan, runner, 0};
    ExecutionResult result;
    auto body = [](PlanExecution* e, ExecutionResult* out) -> Task<> { *out = co_await e->run(); };
    auto canceller = [](PlanExecution* e) -> Task<> {
        co_await sleep_for(std::chrono::milliseconds{5});
        e->cancel();
    };
    TaskGroup group{loop};
    group.spawn(canceller(&execution));
    loop.run(body(&execution, &result));
    EXPECT_TRUE(result.cancelled);
    EXPECT_TRUE(result.failures.empty());
    EXPECT_EQ(result.skipped, (std::vector<int>{1}));
}

TEST(Executor, RunsAChainOfTenThousandWithoutRecursion) {
    EventLoop loop;
    RecordingRunner runner{loop};
    runner.fails = 0;
    plan::Plan plan;
    for (int i = 0; i < 10000; ++i)
        plan.operations.push_back(operation(i, i == 0 ? std::vector<int>{} : std::vector<int>{i - 1}));
    EXPECT_EQ(run(plan, runner, loop).skipped.size(), 9999u);
}

}  // namespace
}  // namespace stack::engine
