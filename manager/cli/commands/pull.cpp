// `stack pull`: the images of a project's services.
#include "manager/cli/commands.hpp"
#include "manager/cli/fetch_images.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/progress.hpp"
#include "manager/cli/service_choice.hpp"
#include "manager/engine/observe_project.hpp"
#include "runtime/base/fd.hpp"

#include <chrono>
#include <set>
#include <string>

#include <fmt/format.h>

namespace stack::cli {

namespace {

/// Why `pull` passes the service over; empty when it does not.
std::string reason_to_skip(const compose::Service& service, const PullCommand& command) {
    if (service.image.empty()) return "no image to be pulled";
    if (command.ignore_buildable && service.buildable) return "can be built";
    if (command.policy.empty() && (service.pull_policy == "never" || service.pull_policy == "build"))
        return fmt::format("pull_policy {}", service.pull_policy);
    return {};
}

/// Takes out those that are passed over, and says so.
void skip_services(const Context& context, const compose::Project& project, const PullCommand& command,
                   std::set<std::string>& chosen) {
    const auto progress = Progress::make(command.quiet ? ProgressMode::quiet : context.globals.progress,
                                         context.err, "Skipping");
    for (auto name = chosen.begin(); name != chosen.end();) {
        const std::string reason = reason_to_skip(project.services.at(*name), command);
        if (reason.empty()) {
            ++name;
            continue;
        }
        progress->update({fmt::format("Service {}", *name), "Skipped", reason});
        name = chosen.erase(name);
    }
}

}  // namespace

int run_pull(const Context& context, const PullCommand& command) {
    const compose::Project project = load_for_looking(context, command.services);
    std::set<std::string> chosen = choose_services(project, command.services, command.include_deps);
    skip_services(context, project, command, chosen);
    if (chosen.empty()) return 0;
    const plan::KnownImages known = engine::known_images(context.paths, plan::image_names(project, chosen));
    // --offline is refused when there is something to fetch, by fetch_images.
    plan::ImageOptions options{command.policy, "always", false, std::chrono::system_clock::now()};
    const plan::ImagePlan plan = plan::plan_images(project, chosen, known, options);
    if (context.globals.dry_run) {
        write_all(context.out.fd, plan::image_plan_text(plan), "stdout");
        return 0;
    }
    fetch_images(context, project, plan,
                 {.quiet = command.quiet, .tolerant = command.ignore_failures, .builds_tolerant = true});
    return 0;
}

}  // namespace stack::cli
