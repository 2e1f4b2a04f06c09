#include "runtime/oci/new_container.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/socket_address.hpp"
#include "runtime/base/undo.hpp"
#include "runtime/base/units.hpp"
#include "runtime/hooks.hpp"
#include "runtime/oci/bundle.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/container_status.hpp"
#include "runtime/oci/descriptor_socket.hpp"
#include "runtime/oci/fault_point.hpp"
#include "runtime/oci/notify_socket.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include <fmt/format.h>

namespace stack::oci {

namespace {

ContainerRecord make_record(const std::string& id, const std::string& bundle, const OciConfig& config) {
    ContainerRecord record;
    record.id = id;
    record.oci_version = config.version;
    record.bundle = bundle;
    record.rootfs = config.spec.root.path;
    record.annotations = config.spec.annotations;
    record.created = format_time(std::chrono::system_clock::now());
    record.shares_pid_namespace = !makes_namespace(config.spec, NamespaceKind::pid);
    record.boot = boot_id();
    return record;
}

UniqueFd listen_for_start(const std::string& path) {
    UniqueFd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    const SocketAddress address{path};
    if (::bind(socket.get(), address.get(), address.size()) != 0 || ::listen(socket.get(), 1) != 0)
        throw_errno(fmt::format("listen on {}", path));
    return socket;
}

// An empty `start_path`: the gate is ours to open.
PendingProcess begin_process(Program& program, ContainerSpec& spec, const ContainerRecord& record,
                             const CreateOptions& options, CgroupPlacement placement,
                             const std::string& start_path) {
    LaunchOptions launch;
    launch.container_state = [&record](pid_t pid) {
        ContainerRecord cloned = record;
        cloned.pid = pid;
        return state_document(cloned, Status::creating);
    };
    launch.cgroup = std::move(placement);
    launch.preserve_fds = options.preserve_fds + pass_on_listen_fds(spec.process);
    launch.new_keyring = options.new_keyring;
    launch.pivot = options.pivot;
    UniqueFd start_socket;
    if (!start_path.empty()) {
        start_socket = listen_for_start(start_path);
        launch.start_socket = start_socket.get();
        fault_point("create.start-socket");
    }
    return begin_launch(spec, own_streams(spec.process), launch, program.facts());
}

// In a new user namespace the first process is not the one that was cloned: that one makes it and leaves.
void record_process(Program& program, ContainerRecord& record, const PendingProcess& process) {
    if (record.pid == process.pid()) return;
    record.pid = process.pid();
    record.start_time = process_start_time(record.pid).value_or(0);
    program.store.save(record);
}

void run_create_hooks(Program& program, PendingProcess& process, const HookSpecs& hooks,
                      ContainerRecord& record) {
    if (hooks.prestart.empty() && hooks.create_runtime.empty() && hooks.create_container.empty()) return;
    process.wait_for_hooks();
    record_process(program, record, process);
    const std::string state = state_document(record, Status::creating);
    run_hooks("prestart", hooks.prestart, state);
    run_hooks("createRuntime", hooks.create_runtime, state);
    fault_point("create.runtime-hooks");
    process.hooks_done(state);
}

// Then the process has to be complete first; otherwise it may find its gate open.
bool hands_something_over(const CreateOptions& options, const ContainerSpec& spec) {
    return spec.process.terminal || !options.console_socket.empty() || !options.pidfd_socket.empty() ||
           !options.pid_file.empty();
}

// The pid file comes last: whoever waits for it finds a container that is complete.
void hand_over(NewContainer& made, const CreateOptions& options) {
    if (!options.console_socket.empty() && made.terminal) {
        send_descriptor(options.console_socket, "console socket", made.terminal->get(), "/dev/ptmx");
        made.terminal.reset();
        fault_point("create.terminal");
    }
    if (!options.pidfd_socket.empty())
        send_descriptor(options.pidfd_socket, "pidfd socket", made.process.handle().pidfd(), "pidfd");
    fault_point("create.pidfd");
    if (!options.pid_file.empty())
        write_file_atomically(options.pid_file, std::to_string(made.process.pid()), Durability::crash, 0644);
}

// A `create` that was killed between clone and record leaves a process that we know nothing of but that it waits for a
// connection, to go on. One that says nothing is its end.
void end_unrecorded_process(const StateStore& store, const ContainerRecord& record) {
    if (record.pid != 0 || !store.has(record.id, "start.sock")) return;
    const SocketAddress address{store.file(record.id, "start.sock")};
    const UniqueFd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    // Refused: there is none.
    static_cast<void>(::connect(socket.get(), address.get(), address.size()));
}

void wait_for_death(const ProcessHandle& process) {
    constexpr int kLimitMs = 10'000;
    pollfd entry{process.pidfd(), POLLIN, 0};
    int ready;
    do {
        ready = ::poll(&entry, 1, kLimitMs);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        throw Error{ErrorKind::timeout,
                    fmt::format("process {} is still there 10 s after SIGKILL", process.pid())}
            .with_hint("it waits inside the kernel, for a disk or network file system perhaps");
}

}  // namespace

NewContainer make_container(Program& program, const std::string& id, const CreateOptions& options,
                            bool start_later) {
    const std::string bundle = absolute_directory(options.bundle);
    auto [config, config_text] = read_bundle(options, bundle);
    check_console(config.spec.process, options.console_socket, options.detached);
    drop_impossible_ambient(config.spec.process.capabilities, config.warnings);
    program.log.warnings(config.warnings);
    ContainerRecord record = make_record(id, bundle, config);

    FileLock lock = program.store.create(id);
    std::vector<HookSpec> poststop;  // once there is a process
    Undo undo;
    undo.push([&] { program.store.remove(id); });
    choose_cgroup(program, config.spec.cgroups_path, record);  // from here on the group is ours to remove
    undo.push([&] { destroy_container(program, record, poststop); });
    fault_point("create.directory");
    program.store.save(record);
    fault_point("create.record");

    ContainerSpec spec = config.spec;
    spec.id = id;
    std::string notify_directory;
    if (!notify_socket_of_caller().empty()) {
        notify_directory = program.store.file(id, "notify");
        add_notify_mount(spec, notify_directory);
        fault_point("create.notify");
    }
    MadeCgroup cgroup = make_cgroup(program, record, spec);
    program.log.debug(
        fmt::format("{}: cgroup {}", id, record.cgroup_path.empty() ? "none" : record.cgroup_path));
    spec.cgroups_path = record.cgroup_path;  // what the container's view of v1 hierarchies shows
    fault_point("create.cgroup");
    PendingProcess process = begin_process(program, spec, record, options, cgroup.placement(),
                                           start_later ? program.store.file(id, "start.sock") : "");
    fault_point("create.process");
    program.log.warnings(process.warnings());
    record_process(program, record, process);
    program.log.debug(fmt::format("{}: process {} sets itself up", id, record.pid));
    fault_point("create.pid");
    // While the child sets itself up: the kernel takes its time to check a device program.
    DevicePrograms devices;
    if (cgroup.cgroup && !cgroup.devices_restricted)
        cgroup.devices_restricted = cgroup.cgroup->restrict_devices_by_program(spec.resources, devices);
    const bool all_done = !cgroup.scope && (!cgroup.cgroup || cgroup.devices_restricted);
    fault_point("create.devices");
    poststop = spec.hooks.poststop;
    run_create_hooks(program, process, spec.hooks, record);
    fault_point("create.hooks");
    if (start_later || !all_done || hands_something_over(options, spec) || !process.waits_only_at_gate()) {
        process.wait_for_gate();
        record_process(program, record, process);
        program.log.debug(fmt::format("{}: process {} is set up and waits", id, record.pid));
        fault_point("create.gate");
        cgroup.restrict_devices(spec.resources);
    }
    program.store.save_config(id, config_text);  // without it nobody can start this container
    fault_point("create.config");
    if (cgroup.scope) cgroup.scope->release();
    std::optional<UniqueFd> terminal = process.take_terminal();
    NewContainer made{std::move(spec),     record,           std::move(lock),  std::move(process),
                      std::move(terminal), notify_directory, std::move(cgroup)};
    hand_over(made, options);
    fault_point("create.handed-over");
    undo.release();
    return made;
}

LaunchFds own_streams(const ProcessSpec& process) {
    LaunchFds fds;
    if (process.terminal) return fds;
    fds.in = STDIN_FILENO;
    fds.out = STDOUT_FILENO;
    fds.err = STDERR_FILENO;
    return fds;
}

void destroy_container(Program& program, const ContainerRecord& record,
                       const std::vector<HookSpec>& poststop) {
    if (const std::optional<ProcessHandle> init = find_init(record)) {
        static_cast<void>(init->signal(SIGKILL));
        fault_point("destroy.signalled");
        if (const std::optional<Cgroup> cgroup = find_cgroup(record, program.cgroups()))
            cgroup->kill_all();  // also what is frozen
        wait_for_death(*init);
        fault_point("destroy.killed");
    }
    end_unrecorded_process(program.store, record);
    destroy_cgroup(program, record);
    fault_point("destroy.cgroup");
    program.store.remove(record.id);
    fault_point("destroy.removed");
    program.log.debug(fmt::format("{}: removed", record.id));
    const std::string state = state_document(record, Status::stopped);
    for (const HookSpec& hook : poststop) {
        try {
            run_hooks("poststop", {hook}, state);
            fault_point("destroy.hook");
        } catch (const Error& error) {
            program.log.warning(error.what());
        }
    }
}

// Renamed rather than removed: it has to be there still to connect to, and must be nobody else's.
std::string claim_start_socket(const StateStore& store, const std::string& id) {
    const std::string from = store.file(id, "start.sock"), to = store.file(id, "starting.sock");
    if (::rename(from.c_str(), to.c_str()) != 0) {
        if (errno != ENOENT) throw_errno(fmt::format("rename {}", from));
        throw Error{ErrorKind::conflict, "cannot start an already running container"};
    }
    return to;
}

}  // namespace stack::oci
