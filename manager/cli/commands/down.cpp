// `stack down`: works with the file, or by the project's name from records alone.
#include "manager/cli/commands.hpp"
#include "manager/cli/diagnostics.hpp"
#include "manager/cli/dry_run.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/operation.hpp"
#include "manager/control/control_client.hpp"
#include "manager/engine/project_store.hpp"
#include "manager/engine/volume_store.hpp"
#include "manager/supervisor/supervise.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/file_lock.hpp"
#include "runtime/base/path_at.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

/// What an `up` leaves that died before it had a supervisor: an empty run directory and the lock's file.
void remove_traces(const Context& context, const std::string& name, const DownCommand& command) {
    const std::string lock_file = context.paths.lock_file(name);
    if (!path_exists(context.paths.run(name)) && !path_exists(lock_file)) return;
    const FileLock lock = FileLock::acquire(lock_file);
    if (!nothing_there(context, name, command)) return;  // somebody brings it up again
    engine::remove_project_files(context.paths, name);
    ::unlink(lock_file.c_str());
}

/// The processes that stand behind the project; empty when they can't be found out.
std::vector<ProcessHandle> processes_behind(const Context& context, const std::string& name) {
    std::vector<ProcessHandle> result;
    supervisor::ensure_supervisor(context.paths, name, context.globals.verbose);
    const std::optional<std::string> answer = control::get(context.paths.control_socket(name), "/v1/version");
    const nlohmann::json version = nlohmann::json::parse(answer.value_or("{}"), nullptr, false);
    for (const char* who : {"pid", "keeper"}) {
        if (!version.is_object() || !version.contains(who) || !version[who].is_number_integer()) continue;
        if (std::optional<ProcessHandle> process = ProcessHandle::open(version[who].get<pid_t>()))
            result.push_back(std::move(*process));
    }
    return result;
}

/// The supervisor takes the last things away when it leaves: the project's network namespace, its records, itself. Who
/// looks after `down` shall find nothing, so this waits for it, unless somebody has brought the project up again.
void wait_until_left(const Context& context, const std::string& name,
                     const std::vector<ProcessHandle>& behind) {
    const auto limit = std::chrono::steady_clock::now() + kLeaveLimit;
    while (path_exists(context.paths.lock_file(name)) && std::chrono::steady_clock::now() < limit) {
        if (!engine::load_project_state(context.paths, name).containers.empty()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    const auto alive = [](const ProcessHandle& process) { return process.alive(); };
    while (std::any_of(behind.begin(), behind.end(), alive) && std::chrono::steady_clock::now() < limit)
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

}  // namespace

int run_down(const Context& context, const DownCommand& command) {
    NamedProject named = load_project_or_name(context);
    const compose::Project* project = named.project ? &*named.project : nullptr;
    if (context.globals.dry_run) return dry_run_down(context, named.name, project, command.options);
    if (nothing_there(context, named.name, command)) {
        remove_traces(context, named.name, command);
        const std::string text = fmt::format("No resource found to remove for project \"{}\"", named.name);
        write_all(context.err.fd, render_warning(text, context.err.colour), "stderr");
        return 0;
    }
    control::DownRequest request;
    request.options = command.options;
    request.parallel = context.globals.parallel;
    const std::string name = named.name;
    request.project = std::move(named.project);
    const bool whole = command.options.services.empty();
    const std::vector<ProcessHandle> behind = processes_behind(context, name);
    const int code = run_operation(context, name, "/v1/down", control::to_json(request), "Removing");
    if (code == 0 && whole) wait_until_left(context, name, behind);
    return code;
}

}  // namespace stack::cli
