// `stack down`: works with the file, or by the project's name from records alone.
#include "manager/cli/commands.hpp"
#include "manager/cli/diagnostics.hpp"
#include "manager/cli/dry_run.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/operation.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/path_at.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>

namespace stack::cli {

namespace {

constexpr std::chrono::seconds kLeaveLimit{5};

/// Nothing on this host belongs to the project: no records, no run directory, no volumes that are to go.
bool nothing_there(const Context& context, const std::string& name, const DownCommand& command) {
    const engine::ProjectState state = engine::load_project_state(context.paths, name);
    if (state.project || !state.containers.empty() || !state.broken.empty()) return false;
    if (path_exists(context.paths.control_socket(name))) return false;
    if (!command.options.volumes) return true;
    for (const engine::VolumeRecord& volume : engine::list_volumes(context.paths))
        if (volume.project == name) return false;
    return true;
}

/// The supervisor takes the last things away when it leaves: the project's network namespace, its records, itself. Who
/// looks after `down` shall find nothing, so this waits for it, unless somebody has brought the project up again.
void wait_until_left(const Context& context, const std::string& name) {
    const auto limit = std::chrono::steady_clock::now() + kLeaveLimit;
    while (path_exists(context.paths.lock_file(name)) && std::chrono::steady_clock::now() < limit) {
        if (!engine::load_project_state(context.paths, name).containers.empty()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

}  // namespace

int run_down(const Context& context, const DownCommand& command) {
    NamedProject named = load_project_or_name(context);
    const compose::Project* project = named.project ? &*named.project : nullptr;
    if (context.globals.dry_run) return dry_run_down(context, named.name, project, command.options);
    if (nothing_there(context, named.name, command)) {
        const std::string text = fmt::format("No resource found to remove for project \"{}\"", named.name);
        write_all(context.err.fd, render_warning(text, context.err.colour), "stderr");
        return 0;
    }
    control::DownRequest request;
    request.options = command.options;
    const std::string name = named.name;
    request.project = std::move(named.project);
    const bool whole = command.options.services.empty();
    const int code = run_operation(context, name, "/v1/down", control::to_json(request), "Removing");
    if (code == 0 && whole) wait_until_left(context, name);
    return code;
}

}  // namespace stack::cli
