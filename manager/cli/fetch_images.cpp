#include "manager/cli/fetch_images.hpp"

#include "manager/cli/loading.hpp"
#include "manager/cli/transfer/run_transfers.hpp"
#include "manager/cli/transfer/worker_command.hpp"
#include "manager/engine/observe_project.hpp"

#include <chrono>
#include <vector>

namespace stack::cli {

plan::ImagePlan plan_fetching(const Context& context, const compose::Project& project,
                              const std::set<std::string>& services, const std::string& policy) {
    const plan::KnownImages known = engine::known_images(context.paths, plan::image_names(project, services));
    plan::ImagePlan plan = plan::plan_images(
        project, services, known, {policy, context.globals.offline, std::chrono::system_clock::now()});
    for (const Error& error : plan.errors) report_error(context, error);
    if (!plan.errors.empty()) throw AlreadyReported{exit_code(plan.errors.front().kind())};
    return plan;
}

void fetch_images(const Context& context, const compose::Project& project, const plan::ImagePlan& plan,
                  bool quiet) {
    if (plan.pulls.empty()) return;
    TransferPlan transfers;
    transfers.verb = {"Pulling", "Pulled"};
    transfers.quiet = quiet;
    transfers.if_interrupted = kPullInterrupted;
    const std::vector<std::string> base = registry_command(context, "pull");
    for (const plan::ImagePull& pull : plan.pulls)
        transfers.jobs.push_back(
            pull_job(base, {pull.reference, pull.platform, pull.must_ask ? "always" : "missing"}));
    const std::vector<JobOutcome> outcomes = run_transfers(context, transfers);
    int code = 0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (!outcomes[i].error) continue;
        const compose::Service& service = project.services.at(plan.pulls[i].services.front());
        report_error(context, plan::image_error(*outcomes[i].error, service));
        if (code == 0) code = exit_code(outcomes[i].error->kind());
    }
    if (code != 0) throw AlreadyReported{code};
}

}  // namespace stack::cli
