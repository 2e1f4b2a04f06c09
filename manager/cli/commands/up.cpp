// `stack up`: fetches images, hands the project to its supervisor; attached, it stays for the logs.
#include "manager/cli/attached_up.hpp"
#include "manager/cli/commands.hpp"
#include "manager/cli/dry_run.hpp"
#include "manager/cli/fetch_images.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/operation.hpp"

namespace stack::cli {

int run_up(const Context& context, const UpCommand& command) {
    compose::LoadRequest load = load_request(context);
    load.selected_services = command.options.services;
    const compose::LoadResult loaded = load_project(context, load);
    const compose::Project& project = *loaded.project;
    if (project.services.empty()) throw Error{ErrorKind::invalid_input, "no service selected"};
    const plan::ImagePlan images =
        plan_fetching(context, project, scope_of(project, command).involved, command.pull);
    if (context.globals.dry_run) return dry_run_up(context, project, images, command.options);
    fetch_images(context, project, images, {.quiet = command.quiet_pull});

    control::UpRequest request;
    request.project = project;
    request.options = command.options;
    request.parallel = context.globals.parallel;
    request.wait = command.wait;
    if (command.wait_timeout) request.wait_timeout = *command.wait_timeout;
    std::string body = control::to_json(request);
    const bool attached = !command.detach && !command.wait && command.options.start;
    if (attached) return AttachedUp{context, command, project, std::move(body)}.run();
    return run_operation(context, project.name, "/v1/up", body, "Running");
}

}  // namespace stack::cli
