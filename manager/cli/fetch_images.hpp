// The images of a project: which are to be fetched before anything of it is changed, and moving them.
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/cli/transfer/run_transfers.hpp"
#include "manager/compose/model.hpp"
#include "manager/plan/plan_images.hpp"

#include <set>
#include <string>
#include <vector>

namespace stack::cli {

/// What is to be fetched for `services` (all when empty). `policy` is that of --pull. Prints what is missing and may not
/// be fetched, and throws AlreadyReported then.
plan::ImagePlan plan_fetching(const Context& context, const compose::Project& project,
                              const std::set<std::string>& services, const std::string& policy);

struct FetchOptions {
    bool quiet = false;            ///< errors and warnings only
    bool tolerant = false;         ///< failures are warnings
    bool builds_tolerant = false;  ///< those of images that can be built are
};

/// Fetches all of it, some beside each other. Does nothing, and starts nothing, for an empty plan. Prints what failed,
/// and throws AlreadyReported then, and after an interruption.
void fetch_images(const Context& context, const compose::Project& project, const plan::ImagePlan& plan,
                  const FetchOptions& options);

/// A transfer, as the file asks for it.
struct FileTransfer {
    WorkerJob job;
    const compose::Service* service = nullptr;  ///< whose image it is, for the place of an error
    bool tolerated = false;                     ///< a failure is a warning
};
/// Runs them, prints what failed at its place in the file, and throws AlreadyReported when something did that is not
/// tolerated.
void run_file_transfers(const Context& context, TransferPlan plan, std::vector<FileTransfer> transfers);

}  // namespace stack::cli
