// create, start, run: the way of a container into life.
#include "runtime/base/error.hpp"
#include "runtime/base/undo.hpp"
#include "runtime/hooks.hpp"
#include "runtime/oci/bundle.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/container_status.hpp"
#include "runtime/oci/fault_point.hpp"
#include "runtime/oci/foreground.hpp"
#include "runtime/oci/new_container.hpp"
#include "runtime/oci/notify_socket.hpp"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <optional>

#include <fmt/format.h>

namespace stack::oci {

namespace {

CreateOptions create_options(const Arguments& arguments) {
    CreateOptions options;
    if (arguments.has("bundle")) options.bundle = arguments.text("bundle");
    options.config_file = arguments.text("config");
    options.console_socket = arguments.text("console-socket");
    options.pid_file = arguments.text("pid-file");
    options.pidfd_socket = arguments.text("pidfd-socket");
    options.pivot = !arguments.on("no-pivot");
    options.new_keyring = !arguments.on("no-new-keyring");
    options.preserve_fds = static_cast<int>(arguments.number("preserve-fds").value_or(0));
    return options;
}

// "If any poststart hook fails, the runtime MUST generate an error, stop the container": config.md of 1.3.
void run_poststart_hooks(Program& program, const ContainerRecord& record, const HookSpecs& hooks) {
    try {
        run_hooks("poststart", hooks.poststart, state_document(record, Status::running));
    } catch (const Error&) {
        destroy_container(program, record, hooks.poststop);
        throw;
    }
}

// The process at the gate, up to its exec; whatever fails, nothing is left.
void start_here(Program& program, NewContainer& made) {
    Undo undo;
    undo.push([&] { destroy_container(program, made.record, made.spec.hooks.poststop); });
    made.process.release(state_document(made.record, Status::created));
    fault_point("run.released");
    made.process.wait_for_exec();
    undo.release();
    fault_point("run.started");
    program.log.debug(fmt::format("{}: started", made.record.id));
    run_poststart_hooks(program, made.record, made.spec.hooks);
}

std::optional<NotifyRelay> notify_relay(const std::string& directory) {
    if (directory.empty()) return std::nullopt;
    return NotifyRelay{directory, notify_socket_of_caller()};
}

}  // namespace

int run_create(Program& program, const Arguments& arguments) {
    const CreateOptions options = create_options(arguments);
    NewContainer made = make_container(program, arguments.words[0], options, true);
    made.process.detach();
    return 0;
}

int run_start(Program& program, const Arguments& arguments) {
    const std::string& id = arguments.words[0];
    std::optional<FileLock> lock = program.store.lock(id);
    const ContainerRecord record = program.store.load(id);
    const Observed seen = observe(program.store, record, program.cgroups());
    if (seen.status == Status::stopped)
        throw Error{ErrorKind::conflict, "cannot start a container that has stopped"};
    if (seen.status == Status::paused)
        throw Error{ErrorKind::conflict, "cannot start a container in the paused state"};
    if (seen.status != Status::created)
        throw Error{ErrorKind::conflict, "cannot start an already running container"};
    const HookSpecs hooks = program.store.load_config(id).spec.hooks;
    const std::string notify = program.store.file(id, "notify");
    const bool notifies = program.store.has(id, "notify") && !notify_socket_of_caller().empty();
    fault_point("start.locked");
    std::optional<NotifyRelay> relay = notify_relay(notifies ? notify : "");
    fault_point("start.notify");
    const std::string socket = claim_start_socket(program.store, id);
    fault_point("start.claimed");
    start_through(socket, state_document(record, Status::created));
    fault_point("start.started");
    program.log.debug(fmt::format("{}: started", id));
    lock.reset();
    run_poststart_hooks(program, record, hooks);
    fault_point("start.hooks");
    if (relay) relay->wait_for_ready(*seen.init);
    fault_point("start.ready");
    return 0;
}

int run_run(Program& program, const Arguments& arguments) {
    CreateOptions options = create_options(arguments);
    const bool keep = arguments.on("keep");
    options.detached = arguments.on("detach");
    std::optional<Foreground> foreground;
    if (!options.detached) foreground.emplace(!arguments.on("no-subreaper"));
    NewContainer made = make_container(program, arguments.words[0], options, false);
    std::optional<NotifyRelay> notify = notify_relay(made.notify_directory);
    std::optional<TerminalRelay> terminal;
    if (made.terminal) terminal.emplace(std::move(*made.terminal));
    start_here(program, made);
    if (options.detached) {
        if (notify) notify->wait_for_ready(made.process.handle());
        return 0;
    }
    const int code =
        foreground->wait(made.process.handle(), terminal ? &*terminal : nullptr, notify ? &*notify : nullptr);
    fault_point("run.ended");
    if (!keep) destroy_container(program, made.record, made.spec.hooks.poststop);
    terminal.reset();  // which is as it was before
    notify.reset();
    ::_exit(code);  // what is left is memory and descriptors, which the kernel takes back faster than we do
}

}  // namespace stack::oci
