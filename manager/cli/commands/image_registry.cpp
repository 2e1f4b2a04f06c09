// `stack image pull` and `push`: the worker's verbs, several images beside each other.
#include "manager/cli/commands/image_commands.hpp"
#include "manager/cli/transfer/run_transfers.hpp"
#include "manager/cli/transfer/worker_command.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/reference.hpp"

#include <optional>
#include <set>

#include <fmt/format.h>

namespace stack::cli {

namespace {

/// Prints the names of what came through, and throws the first error when all others have been printed.
int conclude(const Context& context, const std::vector<JobOutcome>& outcomes) {
    std::optional<Error> last;
    for (const JobOutcome& outcome : outcomes) {
        for (const ImageResult& image : outcome.results)
            write_all(context.out.fd, ImageReference::parse(image.reference).full() + "\n", "stdout");
        if (!outcome.error) continue;
        if (last) report_error(context, *last);
        last = outcome.error;
    }
    if (last) throw Error{*last};
    return 0;
}

/// Each once, malformed ones refused before anything is asked.
std::vector<std::string> checked_names(const std::vector<std::string>& names) {
    std::vector<std::string> result;
    std::set<std::string> known;
    for (const std::string& name : names)
        if (known.insert(ImageReference::parse(name).full()).second) result.push_back(name);
    return result;
}

}  // namespace

int run_image_verb(const Context& context, const ImagePullCommand& command) {
    TransferPlan plan;
    plan.verb = {"Pulling", "Pulled"};
    plan.quiet = command.quiet;
    plan.if_interrupted = kPullInterrupted;
    const std::vector<std::string> base = registry_command(context, "pull");
    for (const std::string& name : checked_names(command.names))
        plan.jobs.push_back(pull_job(base, {name, command.platform, "always"}));
    return conclude(context, run_transfers(context, plan));
}

int run_image_verb(const Context& context, const ImagePushCommand& command) {
    TransferPlan plan;
    plan.verb = {"Pushing", "Pushed"};
    plan.quiet = command.quiet;
    plan.if_interrupted = kPushInterrupted;
    const std::vector<std::string> base = registry_command(context, "push");
    for (const std::string& name : checked_names(command.names)) plan.jobs.push_back(push_job(base, name));
    return conclude(context, run_transfers(context, plan));
}

}  // namespace stack::cli
