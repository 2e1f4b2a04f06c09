#include "manager/engine/executor.hpp"

#include <deque>

namespace stack::engine {

struct PlanExecution::Impl {
    Impl(EventLoop& event_loop, const plan::Plan& the_plan, OperationRunner& the_runner, std::size_t limit)
        : plan{the_plan}, runner{the_runner}, parallel{limit}, changed{event_loop}, group{event_loop} {}

    const plan::Plan& plan;
    OperationRunner& runner;
    const std::size_t parallel;
    Signal changed;
    TaskGroup group;
    std::vector<int> missing;                  // prerequisites not yet done, by operation
    std::vector<std::vector<int>> dependents;  // by operation
    std::vector<char> settled;                 // done, failed or skipped
    std::deque<int> ready;
    std::size_t running = 0;
    std::size_t working = 0;  // those of them that count against the limit
    ExecutionResult result;

    void prepare() {
        const std::size_t count = plan.operations.size();
        missing.assign(count, 0);
        dependents.resize(count);
        settled.assign(count, 0);
        for (std::size_t i = 0; i < count; ++i) {
            missing[i] = static_cast<int>(plan.operations[i].prerequisites.size());
            for (const int before : plan.operations[i].prerequisites)
                dependents[static_cast<std::size_t>(before)].push_back(static_cast<int>(i));
            if (missing[i] == 0) ready.push_back(static_cast<int>(i));
        }
    }

    void complete(int operation) {
        settled[static_cast<std::size_t>(operation)] = 1;
        for (const int next : dependents[static_cast<std::size_t>(operation)])
            if (--missing[static_cast<std::size_t>(next)] == 0 && !settled[static_cast<std::size_t>(next)])
                ready.push_back(next);
    }

    // `required: false`: whatever kept the dependency from coming up, its dependants go on.
    [[nodiscard]] bool forgives(int operation) const {
        const plan::Operation& waits = plan.operations[static_cast<std::size_t>(operation)];
        return waits.kind == plan::OperationKind::wait_condition && !waits.required;
    }

    // Waiting takes no resources: only work counts against the limit.
    [[nodiscard]] bool counts(int operation) const {
        return plan.operations[static_cast<std::size_t>(operation)].kind !=
               plan::OperationKind::wait_condition;
    }

    // Everything behind a failure is skipped, without recursion: chains may be thousands long.
    void skip_dependents(int operation) {
        std::deque<int> queue{operation};
        while (!queue.empty()) {
            const int current = queue.front();
            queue.pop_front();
            for (const int next : dependents[static_cast<std::size_t>(current)]) {
                char& done = settled[static_cast<std::size_t>(next)];
                if (done) continue;
                if (forgives(next)) {
                    complete(next);
                    continue;
                }
                done = 1;
                result.skipped.push_back(next);
                queue.push_back(next);
            }
        }
    }

    Task<> run_one(int operation) {
        std::exception_ptr failure;
        try {
            co_await runner.run(plan.operations[static_cast<std::size_t>(operation)]);
        } catch (...) {
            failure = std::current_exception();
        }
        --running;
        if (counts(operation)) --working;
        if (!failure) {
            complete(operation);
        } else {
            settled[static_cast<std::size_t>(operation)] = 1;
            if (!(result.cancelled && is_cancelled(failure))) result.failures.push_back({operation, failure});
            skip_dependents(operation);
        }
        changed.notify_all();
    }

    void start_ready() {
        while (!ready.empty() && (parallel == 0 || working < parallel)) {
            const int operation = ready.front();
            ready.pop_front();
            if (settled[static_cast<std::size_t>(operation)]) continue;
            if (plan.operations[static_cast<std::size_t>(operation)].kind == plan::OperationKind::barrier) {
                complete(operation);
                continue;
            }
            ++running;
            if (counts(operation)) ++working;
            group.spawn(run_one(operation));
        }
    }
};

PlanExecution::PlanExecution(EventLoop& loop, const plan::Plan& plan, OperationRunner& runner,
                             std::size_t parallel)
    : impl_{std::make_unique<Impl>(loop, plan, runner, parallel)} {}
PlanExecution::~PlanExecution() = default;

Task<ExecutionResult> PlanExecution::run() {
    Impl& impl = *impl_;
    impl.prepare();
    for (;;) {
        if (!impl.result.cancelled) impl.start_ready();
        if (impl.running == 0) break;
        co_await impl.changed.wait();
    }
    co_await impl.group.join();
    for (std::size_t i = 0; i < impl.settled.size(); ++i)
        if (!impl.settled[i]) impl.result.skipped.push_back(static_cast<int>(i));
    co_return std::move(impl.result);
}

void PlanExecution::cancel() {
    if (impl_->result.cancelled) return;
    impl_->result.cancelled = true;
    impl_->group.cancel();
    impl_->changed.notify_all();
}

}  // namespace stack::engine
