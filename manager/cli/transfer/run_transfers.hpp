// What every command that moves images does: starts the workers with the display that fits, and turns an interruption
// into its exit code.
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/cli/transfer/worker_pool.hpp"

#include <string>
#include <vector>

namespace stack::cli {

struct TransferPlan {
    TransferVerb verb;
    std::vector<WorkerJob> jobs;
    bool quiet = false;          ///< errors and warnings only
    std::string if_interrupted;  ///< how the store is then: one sentence
};

/// Outcomes of all jobs; their errors are the caller's. Throws AlreadyReported after an interruption, which it has
/// told about.
std::vector<JobOutcome> run_transfers(const Context& context, const TransferPlan& plan);

/// The same for one job, whose error is thrown.
std::vector<ImageResult> run_transfer(const Context& context, const TransferPlan& plan);

}  // namespace stack::cli
