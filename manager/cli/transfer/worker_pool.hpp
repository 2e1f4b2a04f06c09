// Runs image workers beside each other, shows how far they are, and passes signals on to them: whoever presses Ctrl-C
// gets the prompt back when all of them have put the store in order.
#pragma once

#include "manager/cli/transfer/image_worker.hpp"
#include "manager/cli/transfer/transfer_display.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace stack::cli {

struct WorkerJob {
    WorkerStart start;
    std::string subject;  ///< for the display: "Image redis:7"
    std::string purpose;  ///< of its error: `cannot pull image "redis:7"`
};

struct JobOutcome {
    std::vector<ImageResult> results;
    std::optional<Error> error;  ///< with the job's purpose
};

struct PoolResult {
    std::vector<JobOutcome> outcomes;  ///< one for each job, in their order
    std::optional<int> signal;         ///< what ended it before its time
    [[nodiscard]] bool failed() const;
};

inline constexpr std::size_t kWorkersAtOnce = 3;

/// Runs all jobs; one that fails does not stop the others. SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on and no
/// further job is started; a second one kills the workers. Throws Error when a worker can't be started or heard.
PoolResult run_workers(const std::vector<WorkerJob>& jobs, TransferDisplay& display,
                       std::size_t at_once = kWorkersAtOnce);

}  // namespace stack::cli
