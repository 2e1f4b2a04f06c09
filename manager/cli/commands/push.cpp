// `stack push`: the images of a project's services, to the registries that their names tell.
#include "manager/cli/commands.hpp"
#include "manager/cli/diagnostics.hpp"
#include "manager/cli/fetch_images.hpp"
#include "manager/cli/live_lines.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/service_choice.hpp"
#include "manager/cli/transfer/worker_command.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stack::cli {

int run_push(const Context& context, const PushCommand& command) {
    const compose::Project project = load_for_looking(context, command.services);
    std::set<std::string> images;
    std::vector<const compose::Service*> owners;
    for (const std::string& name : choose_services(project, command.services, command.include_deps)) {
        const compose::Service& service = project.services.at(name);
        if (service.image.empty() || (command.services.empty() && !service.buildable)) continue;
        if (images.insert(service.image).second) owners.push_back(&service);
    }
    if (owners.empty()) {
        write_progress(
            context.err,
            render_warning("no image to push: no service is built, and none was named", context.err.colour));
        return 0;
    }
    const std::vector<std::string> base = registry_command(context, "push");
    std::vector<FileTransfer> transfers;
    transfers.reserve(owners.size());
    for (const compose::Service* service : owners)
        transfers.push_back({push_job(base, service->image), service, command.ignore_failures});
    run_file_transfers(context, {{"Pushing", "Pushed"}, {}, command.quiet, kPushInterrupted},
                       std::move(transfers));
    return 0;
}

}  // namespace stack::cli
