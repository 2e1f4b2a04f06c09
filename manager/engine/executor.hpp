// Carries out a plan's graph: starts nothing before what it needs, at most `parallel` operations at a time,
// goes on with what does not depend on a failure. It has no opinions: whether something is to be done is the
// planner's.
#pragma once

#include "manager/plan/plan.hpp"
#include "runtime/base/task.hpp"

#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

namespace stack::engine {

/// Does one operation; throws Error when it fails. Barriers never reach it.
class OperationRunner {
  public:
    virtual ~OperationRunner() = default;
    virtual Task<> run(const plan::Operation& operation) = 0;
};

struct OperationFailure {
    int operation = 0;
    std::exception_ptr error;
};

struct ExecutionResult {
    std::vector<OperationFailure> failures;  ///< in the order they happened
    std::vector<int> skipped;  ///< operations whose prerequisites failed, or that cancellation overtook
    bool cancelled = false;
};

class PlanExecution {
  public:
    /// `plan` and `runner` must outlive `run()`. `parallel` 0 means no limit; waiting operations never count.
    PlanExecution(EventLoop& loop, const plan::Plan& plan, OperationRunner& runner, std::size_t parallel);
    ~PlanExecution();
    PlanExecution(const PlanExecution&) = delete;
    PlanExecution& operator=(const PlanExecution&) = delete;

    /// Returns when every operation has ended, failed or been skipped. Never throws for a failed operation.
    Task<ExecutionResult> run();
    /// Starts no more operations and cancels the running ones; `run()` returns soon after.
    void cancel();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace stack::engine
