#include "manager/cli/transfer/run_transfers.hpp"

#include "manager/cli/live_lines.hpp"
#include "manager/cli/loading.hpp"

#include <utility>

#include <fmt/format.h>

namespace stack::cli {

std::vector<JobOutcome> run_transfers(const Context& context, const TransferPlan& plan) {
    std::vector<std::string> subjects;
    subjects.reserve(plan.jobs.size());
    for (const WorkerJob& job : plan.jobs) subjects.push_back(job.subject);
    const ProgressMode mode = plan.quiet ? ProgressMode::quiet : context.globals.progress;
    PoolResult result;
    {
        const auto display = TransferDisplay::make(mode, context.err, plan.verb, subjects);
        result = run_workers(plan.jobs, *display);
    }
    if (!result.signal) return std::move(result.outcomes);
    write_progress(context.err, fmt::format("Interrupted: {}\n", plan.if_interrupted));
    throw AlreadyReported{128 + *result.signal};
}

std::vector<ImageResult> run_transfer(const Context& context, const TransferPlan& plan) {
    JobOutcome outcome = std::move(run_transfers(context, plan).front());
    if (outcome.error) throw Error{*outcome.error};
    return std::move(outcome.results);
}

}  // namespace stack::cli
