#include "manager/cli/fetch_images.hpp"

#include "manager/cli/diagnostics.hpp"
#include "manager/cli/live_lines.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/transfer/run_transfers.hpp"
#include "manager/cli/transfer/worker_command.hpp"
#include "manager/engine/observe_project.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace stack::cli {

namespace {

bool is_tolerated(const compose::Project& project, const plan::ImagePull& pull, const FetchOptions& options) {
    const auto can_be_built = [&](const std::string& name) { return project.services.at(name).buildable; };
    return options.tolerant ||
           (options.builds_tolerant && std::all_of(pull.services.begin(), pull.services.end(), can_be_built));
}

}  // namespace

plan::ImagePlan plan_fetching(const Context& context, const compose::Project& project,
                              const std::set<std::string>& services, const std::string& policy) {
    const plan::KnownImages known = engine::known_images(context.paths, plan::image_names(project, services));
    plan::ImagePlan plan =
        plan::plan_images(project, services, known,
                          {policy, "missing", context.globals.offline, std::chrono::system_clock::now()});
    for (const Error& error : plan.errors) report_error(context, error);
    if (!plan.errors.empty()) throw AlreadyReported{exit_code(plan.errors.front().kind())};
    return plan;
}

void fetch_images(const Context& context, const compose::Project& project, const plan::ImagePlan& plan,
                  const FetchOptions& options) {
    if (plan.pulls.empty()) return;
    const std::vector<std::string> base = registry_command(context, "pull");
    std::vector<FileTransfer> transfers;
    transfers.reserve(plan.pulls.size());
    for (const plan::ImagePull& pull : plan.pulls)
        transfers.push_back(
            {pull_job(base, {pull.reference, pull.platform, pull.must_ask ? "always" : "missing"}),
             &project.services.at(pull.services.front()), is_tolerated(project, pull, options)});
    run_file_transfers(context, {{"Pulling", "Pulled"}, {}, options.quiet, kPullInterrupted},
                       std::move(transfers));
}

void run_file_transfers(const Context& context, TransferPlan plan, std::vector<FileTransfer> transfers) {
    for (FileTransfer& transfer : transfers) plan.jobs.push_back(std::move(transfer.job));
    const std::vector<JobOutcome> outcomes = run_transfers(context, plan);
    int code = 0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const std::optional<Error>& error = outcomes[i].error;
        if (!error) continue;
        if (transfers[i].tolerated) {
            write_progress(context.err, render_warning(error->what(), context.err.colour));
            continue;
        }
        report_error(context, plan::image_error(*error, *transfers[i].service));
        if (code == 0) code = exit_code(error->kind());
    }
    if (code != 0) throw AlreadyReported{code};
}

}  // namespace stack::cli
