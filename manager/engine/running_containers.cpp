#include "manager/engine/running_containers.hpp"

#include "manager/engine/container_hooks.hpp"
#include "manager/engine/container_setup.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/trace.hpp"
#include "runtime/hooks.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace stack::engine {

namespace {

// A pipe kept open by a process that left the container's cgroup.
constexpr std::chrono::seconds kDrainLimit{10};

std::string io_key(const std::string& id) {
    return fmt::format("io/{}", id.substr(0, 32));
}

logs::LogTarget log_target(const Paths& paths, const ContainerRecord& record) {
    logs::LogTarget target;
    target.directory = log_directory(paths, record);
    target.name = record.log_name();
    const compose::Logging& logging = record.service.logging;
    if (logging.max_size_bytes && *logging.max_size_bytes > 0)
        target.max_size_bytes = static_cast<std::uint64_t>(*logging.max_size_bytes);
    if (logging.max_file && *logging.max_file > 0)
        target.max_files = static_cast<unsigned>(*logging.max_file);
    return target;
}

// What hooks and seccomp agents know as the container's bundle.
std::string bundle_of(const Paths& paths, const ContainerRecord& record) {
    return container_directory(paths, record.project, record.id);
}

// Not opened by its number: the keeper may have reaped it already, and the number be somebody else's.
ProcessHandle same_process(const ProcessHandle& handle) {
    return {duplicate_fd(handle.pidfd()), handle.pid()};
}

// Both sides of a new container's standard streams.
class ContainerStdio {
  public:
    ContainerStdio(bool terminal, bool keep_stdin_open) {
        if (terminal) return;
        out_ = logs::make_log_pipe();
        err_ = logs::make_log_pipe();
        if (keep_stdin_open) in_ = make_pipe();
    }
    [[nodiscard]] LaunchFds child_ends() const {
        LaunchFds fds;
        if (out_.write.valid()) {
            fds.out = out_.write.get();
            fds.err = err_.write.get();
        }
        if (in_.read.valid()) fds.in = in_.read.get();
        return fds;
    }
    void close_child_ends() {
        out_.write.reset();
        err_.write.reset();
        in_.read.reset();
        streams_.out = std::move(out_.read);
        streams_.err = std::move(err_.read);
    }
    void take_terminal(PendingProcess& process) {
        std::optional<UniqueFd> master = process.take_terminal();
        if (!master) throw Error{ErrorKind::internal, "the container came without its terminal"};
        streams_.terminal = std::move(*master);
        streams_.terminal_pipe = logs::make_log_pipe();
    }
    /// What the keeper needs duplicates of; `streams_of` reads them back.
    [[nodiscard]] std::vector<int> to_hold() const {
        if (streams_.terminal.valid())
            return {streams_.terminal.get(), streams_.terminal_pipe.read.get(),
                    streams_.terminal_pipe.write.get()};
        std::vector<int> held{streams_.out.get(), streams_.err.get()};
        if (in_.write.valid()) held.push_back(in_.write.get());
        return held;
    }
    [[nodiscard]] logs::LogStreams release_streams() { return std::move(streams_); }

  private:
    Pipe out_, err_, in_;
    logs::LogStreams streams_;
};

logs::LogStreams streams_of(KeeperClient::Held& held, bool terminal) {
    logs::LogStreams streams;
    if (terminal && held.fds.size() == 3) {
        streams.terminal = std::move(held.fds[0]);
        streams.terminal_pipe.read = std::move(held.fds[1]);
        streams.terminal_pipe.write = std::move(held.fds[2]);
    } else if (held.fds.size() >= 2) {
        streams.out = std::move(held.fds[0]);
        streams.err = std::move(held.fds[1]);
    }
    return streams;
}

// After the death of a keeper its containers are init's children: nobody tells their exit, only that it came.
bool is_child_of_keeper(pid_t pid) {
    const std::optional<std::string> status = read_file_if_exists(fmt::format("/proc/{}/status", pid));
    return status && status->find(fmt::format("\nPPid:\t{}\n", ::getppid())) != std::string::npos;
}

}  // namespace

// What this process holds of a container whose program runs.
struct RunningContainers::Live {
    Live(ContainerRecord the_record, Cgroup the_cgroup, ContainerSpec the_spec)
        : record{std::move(the_record)},
          cgroup{std::move(the_cgroup)},
          spec{std::move(the_spec)},
          oom_before{cgroup.oom_kills()} {}

    const ContainerRecord record;
    const Cgroup cgroup;
    const ContainerSpec spec;  // as launched; exec takes user, environment and capabilities from it
    ProcessHandle init;
    bool drained = false;  // all its output is in the files
    std::uint64_t oom_before;
};

RunningContainers::RunningContainers(EventLoop& loop, const Paths& paths, KeeperClient& keeper,
                                     const HostFacts& facts, const Log& log, Events events)
    : loop_{loop},
      paths_{paths},
      keeper_{keeper},
      log_{log},
      events_{std::move(events)},
      facts_{facts},
      groups_{paths.run_root, {paths.systemd, false}},
      changed_{loop},
      tasks_{loop},
      pump_{[this](const std::string& id) { loop_.post([this, id] { on_drained(id); }); },
            [this](const std::string& id, const Error& error) {
                log_.error("output of container {}: {}", id.substr(0, 12), error.what());
            }} {}

Task<LaunchOutcome> RunningContainers::launch(ContainerRecord record, ContainerSpec spec, OwnNamespaces own,
                                              std::function<void(const LaunchOutcome&)> at_gate) {
    const std::string id = record.id;
    TraceSpan prepare{"runtime.cgroup", record.name};
    ContainerGroups::Made group = groups_.make(record, spec);
    auto container = std::make_shared<Live>(record, std::move(group.cgroup), std::move(spec));
    prepare.end();
    std::exception_ptr failure;
    LaunchOutcome outcome;
    try {
        outcome = co_await start_process(container, own, &at_gate);
    } catch (...) {
        failure = std::current_exception();
    }
    group.scope.reset();  // the container is in it, or it goes
    if (!failure) co_return outcome;
    pump_.remove(id);
    keeper_.drop(io_key(id));
    std::erase_if(containers_by_pid_, [&id](const auto& entry) { return entry.second == id; });
    live_.erase(id);
    co_await remove_cgroup_of(record);
    std::rethrow_exception(failure);
}

bool RunningContainers::adopt(const ContainerRecord& record, const ContainerState& state, ContainerSpec spec,
                              std::vector<KeeperClient::Held>& inherited) {
    std::optional<ProcessHandle> init = ProcessHandle::open(state.pid, state.start_time);
    std::optional<Cgroup> cgroup = groups_.open(record);
    if (!init || !cgroup) return false;
    auto container = std::make_shared<Live>(record, std::move(*cgroup), std::move(spec));
    container->oom_before = 0;
    container->init = std::move(*init);
    containers_by_pid_[state.pid] = record.id;
    live_[record.id] = container;
    container->drained = true;
    for (KeeperClient::Held& entry : inherited) {
        if (entry.name != io_key(record.id)) continue;
        pump_.add(record.id, log_target(paths_, record), streams_of(entry, record.service.tty));
        container->drained = false;
        entry.name.clear();
    }
    if (!is_child_of_keeper(state.pid)) tasks_.spawn(watch_stranger(container));
    return true;
}

// Waits until the child is at its gate or has run the image's program, without blocking the loop.
Task<> RunningContainers::await_gate(PendingProcess* process) {
    AsyncFd ready{loop_, duplicate_fd(process->wait_fd())};
    while (!process->at_gate()) co_await ready.readable();
}

std::vector<NamespaceOwner> RunningContainers::owners() const {
    std::vector<NamespaceOwner> result;
    result.reserve(live_.size());
    for (const auto& [id, live] : live_) result.push_back({&live->record, &live->init});
    return result;
}

Task<> RunningContainers::run_creating_hooks(std::shared_ptr<Live> container, PendingProcess* process) {
    const ContainerSpec& spec = container->spec;
    if (!has_creating_hooks(spec.hooks)) co_return;
    const std::string bundle = bundle_of(paths_, container->record);
    write_hook_bundle(spec, bundle);
    AsyncFd ready{loop_, duplicate_fd(process->wait_fd())};
    while (!process->at_hooks()) co_await ready.readable();
    const std::string state = hook_state(spec, bundle, "creating", process->pid());
    auto work = [container, state] {
        run_hooks("prestart", container->spec.hooks.prestart, state);
        run_hooks("createRuntime", container->spec.hooks.create_runtime, state);
    };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
    process->hooks_done(state);
}

// poststart or poststop.
Task<> RunningContainers::run_late_hooks(std::string kind, std::shared_ptr<Live> container, pid_t pid) {
    const bool starting = kind == "poststart";
    const HookSpecs& hooks = container->spec.hooks;
    const std::vector<HookSpec>& list = starting ? hooks.poststart : hooks.poststop;
    if (list.empty()) co_return;
    const std::string bundle = bundle_of(paths_, container->record);
    const std::string state = hook_state(container->spec, bundle, starting ? "running" : "stopped", pid);
    auto work = [container, &list, kind, state] { run_hooks(kind, list, state); };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
}

Task<> RunningContainers::await_exec(PendingProcess* process) {
    AsyncFd ready{loop_, duplicate_fd(process->wait_fd())};
    while (!process->started()) co_await ready.readable();
}

// `container` must outlive the options.
LaunchOptions RunningContainers::launch_options(const Live& container) const {
    const Cgroup& cgroup = container.cgroup;
    LaunchOptions options;
    options.clone_parent = true;  // the keeper reaps, whatever happens to us
    options.cgroup.clone_into = cgroup.clone_into_fd();
    options.cgroup.task_files = cgroup.task_fds();
    options.init_path = paths_.init;
    options.container_state = [this, &container](pid_t pid) {
        const bool running = container.init.valid();
        const pid_t init = running ? container.init.pid() : pid;
        return hook_state(container.spec, bundle_of(paths_, container.record),
                          running ? "running" : "creating", init);
    };
    return options;
}

void RunningContainers::on_drained(const std::string& id) {
    if (const auto found = live_.find(id); found != live_.end()) found->second->drained = true;
    changed_.notify_all();
}

void RunningContainers::on_exit_record(const ExitRecord& exit) {
    const int code = exit_code_of_status(exit.wait_status);
    if (const auto exec = execs_.find(exit.pid); exec != execs_.end()) {
        execs_.erase(exec);
        keeper_.acknowledge(exit.sequence);
        if (events_.exec_exit) events_.exec_exit(exit.pid, code);
        return;
    }
    const auto container = containers_by_pid_.find(exit.pid);
    if (container == containers_by_pid_.end()) {
        keeper_.acknowledge(exit.sequence);
        return;
    }
    std::string id = container->second;
    containers_by_pid_.erase(container);
    tasks_.spawn(finish(std::move(id), exit, code));
}

// From the end of the first process to the end of the container: output complete, nobody left, cgroup gone.
Task<> RunningContainers::finish(std::string id, ExitRecord exit, int code) {
    const auto found = live_.find(id);
    if (found == live_.end()) co_return;
    const std::shared_ptr<Live> container = found->second;
    ContainerExit report;
    report.id = id;
    report.exit_code = code;
    report.time_ns = exit.time_ns;
    try {
        report.oom_killed = container->cgroup.oom_kills() > container->oom_before;
        container->cgroup.kill_all();
    } catch (const Error& error) {
        log_.warning("cgroup of {}: {}", container->record.name, error.what());
    }
    const Clock::time_point end = Clock::now() + kDrainLimit;
    while (!container->drained) {
        const bool notified = co_await changed_.wait_until(end);
        if (!notified) break;
    }
    pump_.remove(id);
    keeper_.drop(io_key(id));
    co_await remove_cgroup_of(container->record);
    try {
        co_await run_late_hooks("poststop", container, 0);
    } catch (const Error& error) {
        log_.warning("{}: {}", container->record.name, error.what());
    }
    live_.erase(id);
    if (events_.container_exit) events_.container_exit(report);
    keeper_.acknowledge(exit.sequence);
}

Task<> RunningContainers::watch_stranger(std::shared_ptr<Live> container) {
    const pid_t pid = container->init.pid();
    AsyncFd ended{loop_, duplicate_fd(container->init.pidfd())};
    co_await ended.readable();
    if (containers_by_pid_.erase(pid) == 0) co_return;
    ExitRecord exit;
    exit.pid = pid;
    exit.time_ns = wall_clock_ns();
    constexpr int kUnknown = 255;
    co_await finish(container->record.id, exit, kUnknown);
}

Task<> RunningContainers::remove_cgroup_of(ContainerRecord record) {
    std::exception_ptr failure;
    auto work = [this, &record] { groups_.remove(record); };
    std::function<void()> job = work;
    try {
        co_await run_blocking(loop_, std::move(job));
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        log_.warning("cgroup of {}: {}", record.name, error.what());
    }
}

// What the spec asks for and this host does not have, as far as the container does without.
void RunningContainers::pass_on_warnings(const PendingProcess& process, const ContainerRecord& record) const {
    for (const std::string& warning : process.warnings())
        events_.note(fmt::format("container \"{}\": {}", record.name, warning));
}

// Order matters: output and pid are safe with the keeper and on disk before the program may run.
Task<LaunchOutcome> RunningContainers::start_process(std::shared_ptr<Live> container, OwnNamespaces own,
                                                     std::function<void(const LaunchOutcome&)>* at_gate) {
    const ContainerRecord& record = container->record;
    const std::string& id = record.id;
    ContainerStdio stdio{container->spec.process.terminal, record.service.stdin_open};
    LaunchFds fds = stdio.child_ends();
    fds.network_namespace = own.network;
    if (own.user >= 0) fds.named["user"] = own.user;
    SharedNamespaces shared;
    if (shares_namespaces(record.service)) shared = open_shared_namespaces(record, owners());
    shared.give_to(fds);
    TraceSpan begin{"runtime.begin", record.name};
    PendingProcess process = begin_launch(container->spec, fds, launch_options(*container), facts_);
    begin.end();
    pass_on_warnings(process, record);
    stdio.close_child_ends();
    TraceSpan setup{"runtime.setup", record.name};
    co_await run_creating_hooks(container, &process);
    // What follows is done while the child is set up, unless something of the child's is needed.
    const bool terminal = container->spec.process.terminal;
    if (terminal || !process.waits_only_at_gate()) co_await await_gate(&process);
    setup.end();
    if (terminal) stdio.take_terminal(process);
    keeper_.hold(io_key(id), stdio.to_hold());
    LaunchOutcome outcome;
    outcome.pid = process.pid();
    outcome.start_time = process_start_time(outcome.pid).value_or(0);
    outcome.started_ns = wall_clock_ns();
    (*at_gate)(outcome);
    container->init = same_process(process.handle());
    containers_by_pid_[outcome.pid] = id;
    live_[id] = container;
    pump_.add(id, log_target(paths_, record), stdio.release_streams());
    const TraceSpan exec{"runtime.exec", record.name};
    std::string state;  // nobody reads it but hooks
    if (!container->spec.hooks.start_container.empty())
        state = hook_state(container->spec, bundle_of(paths_, record), "created", outcome.pid);
    process.release(state);
    co_await await_exec(&process);
    std::exception_ptr failure;
    try {
        co_await run_late_hooks("poststart", container, outcome.pid);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return outcome;
    container->cgroup.kill_all();
    std::rethrow_exception(failure);
}

Task<ExecStarted> RunningContainers::exec(std::string id, ExecRequest request) {
    const auto found = live_.find(id);
    if (found == live_.end()) throw Error{ErrorKind::conflict, "the container is not running"};
    const std::shared_ptr<Live> container = found->second;
    if (request.privileged) throw Error{ErrorKind::not_supported, "exec --privileged is not supported yet"};
    ProcessSpec process = container->spec.process;
    process.args = request.argv;
    process.env.insert(process.env.end(), request.env.begin(), request.env.end());
    if (!request.user.empty()) {
        process.user = request.user;
        process.additional_gids.clear();
    }
    if (!request.working_dir.empty()) process.cwd = request.working_dir;
    process.terminal = request.terminal;
    process.console_width = request.columns;
    process.console_height = request.rows;
    LaunchFds fds;
    fds.in = request.in;
    fds.out = request.out;
    fds.err = request.err;
    ExecTarget target;
    target.init = &container->init;
    target.seccomp = container->spec.seccomp;
    PendingProcess pending = begin_exec(target, process, fds, launch_options(*container), facts_);
    if (request.terminal || !pending.waits_only_at_gate()) co_await await_gate(&pending);
    ExecStarted started;
    started.pid = pending.pid();
    if (request.terminal) {
        if (std::optional<UniqueFd> master = pending.take_terminal()) started.terminal = std::move(*master);
    }
    execs_[started.pid] = same_process(pending.handle());
    pending.release();
    std::exception_ptr failure;
    try {
        co_await await_exec(&pending);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        execs_.erase(started.pid);
        std::rethrow_exception(failure);
    }
    co_return started;
}

void RunningContainers::signal(const std::string& id, int number) {
    const auto found = live_.find(id);
    if (found != live_.end() && found->second->init.valid()) found->second->init.signal(number);
}

void RunningContainers::kill_all(const std::string& id) {
    const auto found = live_.find(id);
    if (found == live_.end()) return;
    if (found->second->init.valid()) found->second->init.signal(SIGKILL);
    found->second->cgroup.kill_all();
}

void RunningContainers::signal_exec(pid_t pid, int number) {
    const auto found = execs_.find(pid);
    if (found != execs_.end() && found->second.valid()) found->second.signal(number);
}

const ContainerRecord* RunningContainers::find(const std::string& id) const {
    const auto found = live_.find(id);
    return found == live_.end() ? nullptr : &found->second->record;
}

void RunningContainers::prune_cgroups_above(const ContainerRecord& record) const {
    groups_.prune_above(record);
}

Task<> RunningContainers::stop() {
    tasks_.cancel();
    std::exception_ptr ignored;
    try {
        co_await tasks_.join();
    } catch (...) {
        ignored = std::current_exception();
    }
}

}  // namespace stack::engine
