#include "manager/engine/local_engine.hpp"

#include "manager/engine/container_setup.hpp"
#include "manager/engine/project_network.hpp"
#include "manager/logs/log_pump.hpp"
#include "manager/plan/image_defaults.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/trace.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/launcher.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace stack::engine {

namespace {

constexpr std::chrono::seconds kDrainLimit{
    10};  // a pipe kept open by a process that left the container's cgroup

std::int64_t wall_clock_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// What this process holds of a container whose program runs.
struct Live {
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

}  // namespace

struct LocalEngine::Impl {
    Impl(LocalEngine& engine, EventLoop& event_loop, Paths the_paths, std::string project_name,
         KeeperClient client, Log the_log)
        : owner{engine},
          loop{event_loop},
          paths{std::move(the_paths)},
          project{std::move(project_name)},
          keeper{std::move(client)},
          log{the_log},
          images{paths.data_root},
          facts{probe_host_facts()},
          cgroups{detect_cgroups()},
          network{event_loop,
                  paths,
                  project,
                  keeper,
                  the_log,
                  [this](std::string note) {
                      if (owner.on_note) owner.on_note(std::move(note));
                  }},
          changed{event_loop},
          tasks{event_loop},
          pump{[this](const std::string& id) { loop.post([this, id] { on_drained(id); }); },
               [this](const std::string& id, const Error& error) {
                   log.error("output of container {}: {}", id.substr(0, 12), error.what());
               }} {}

    LocalEngine& owner;
    EventLoop& loop;
    const Paths paths;
    const std::string project;
    KeeperClient keeper;
    Log log;
    const ImageStore images;
    const HostFacts facts;
    const CgroupLayout cgroups;
    DevicePrograms device_programs;  // the kernel verifies each once
    ProjectNetwork network;
    Signal changed;
    TaskGroup tasks;
    logs::LogPump pump;
    std::vector<KeeperClient::Held> inherited;
    std::vector<ExitRecord> early_exits;
    std::map<std::string, std::shared_ptr<Live>> live;  // by container id
    std::map<pid_t, std::string> containers_by_pid;
    std::map<pid_t, ProcessHandle> execs;
    std::map<std::string, Image> image_cache;  // by digest

    const Image& image_of(const std::string& digest) {
        auto found = image_cache.find(digest);
        if (found == image_cache.end()) found = image_cache.emplace(digest, images.get(digest)).first;
        return found->second;
    }

    void on_drained(const std::string& id) {
        if (const auto found = live.find(id); found != live.end()) found->second->drained = true;
        changed.notify_all();
    }

    void on_exit_record(const ExitRecord& exit) {
        const int code = exit_code_of_status(exit.wait_status);
        if (const auto exec = execs.find(exit.pid); exec != execs.end()) {
            execs.erase(exec);
            keeper.acknowledge(exit.sequence);
            if (owner.on_exec_exit) owner.on_exec_exit(exit.pid, code);
            return;
        }
        const auto container = containers_by_pid.find(exit.pid);
        if (container == containers_by_pid.end()) {
            keeper.acknowledge(exit.sequence);
            return;
        }
        std::string id = container->second;
        containers_by_pid.erase(container);
        tasks.spawn(finish(std::move(id), exit, code));
    }

    // From the end of the first process to the end of the container: output complete, nobody left, cgroup gone.
    Task<> finish(std::string id, ExitRecord exit, int code) {
        const auto found = live.find(id);
        if (found == live.end()) co_return;
        const std::shared_ptr<Live> container = found->second;
        ContainerExit report;
        report.id = id;
        report.exit_code = code;
        report.time_ns = exit.time_ns;
        try {
            report.oom_killed = container->cgroup.oom_kills() > container->oom_before;
            container->cgroup.kill_all();
        } catch (const Error& error) {
            log.warning("cgroup of {}: {}", container->record.name, error.what());
        }
        const Clock::time_point end = Clock::now() + kDrainLimit;
        while (!container->drained) {
            const bool notified = co_await changed.wait_until(end);
            if (!notified) break;
        }
        pump.remove(id);
        keeper.drop(io_key(id));
        co_await remove_cgroup_of(container->record);
        live.erase(id);
        if (owner.on_container_exit) owner.on_container_exit(report);
        keeper.acknowledge(exit.sequence);
    }

    // After the death of a keeper its containers are init's children: nobody tells their exit, only that it came.
    bool is_child_of_keeper(pid_t pid) const {
        const std::optional<std::string> status = read_file_if_exists(fmt::format("/proc/{}/status", pid));
        return status && status->find(fmt::format("\nPPid:\t{}\n", ::getppid())) != std::string::npos;
    }

    Task<> watch_stranger(std::shared_ptr<Live> container) {
        const pid_t pid = container->init.pid();
        AsyncFd ended{loop, duplicate_fd(container->init.pidfd())};
        co_await ended.readable();
        if (containers_by_pid.erase(pid) == 0) co_return;
        ExitRecord exit;
        exit.pid = pid;
        exit.time_ns = wall_clock_ns();
        constexpr int kUnknown = 255;
        co_await finish(container->record.id, exit, kUnknown);
    }

    Task<> remove_cgroup_of(const ContainerRecord& record) {
        const std::string path = cgroup_path(record);
        std::exception_ptr failure;
        auto work = [this, &path] { stack::remove_cgroup(cgroups, path); };
        std::function<void()> job = work;
        try {
            co_await run_blocking(loop, std::move(job));
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) co_return;
        try {
            std::rethrow_exception(failure);
        } catch (const Error& error) {
            log.warning("cgroup of {}: {}", record.name, error.what());
        }
    }

    // Waits until the child is at its gate or has run the image's program, without blocking the loop.
    Task<> await_gate(PendingProcess* process) {
        AsyncFd ready{loop, duplicate_fd(process->wait_fd())};
        while (!process->at_gate()) co_await ready.readable();
    }

    Task<> await_exec(PendingProcess* process) {
        AsyncFd ready{loop, duplicate_fd(process->wait_fd())};
        while (!process->started()) co_await ready.readable();
    }

    LaunchOptions launch_options(const Cgroup& cgroup) const {
        LaunchOptions options;
        options.clone_parent = true;  // the keeper reaps, whatever happens to us
        options.cgroup.clone_into = cgroup.clone_into_fd();
        options.cgroup.task_files = cgroup.task_fds();
        options.init_path = paths.init;
        return options;
    }

    // Order matters: output and pid are safe with the keeper and on disk before the program may run.
    Task<LaunchOutcome> start_process(std::shared_ptr<Live> container, int netns,
                                      std::function<void(const LaunchOutcome&)>* at_gate) {
        const ContainerRecord& record = container->record;
        const std::string& id = record.id;
        const bool terminal = container->spec.process.terminal;
        LaunchFds fds;
        fds.network_namespace = netns;
        logs::LogStreams streams;
        Pipe out, err, in;
        if (!terminal) {
            out = logs::make_log_pipe();
            err = logs::make_log_pipe();
            fds.out = out.write.get();
            fds.err = err.write.get();
            if (record.service.stdin_open) {
                in = make_pipe();
                fds.in = in.read.get();
            }
        }
        TraceSpan begin{"runtime.begin", record.name};
        PendingProcess process = begin_launch(container->spec, fds, launch_options(container->cgroup), facts);
        begin.end();
        out.write.reset();
        err.write.reset();
        in.read.reset();
        TraceSpan setup{"runtime.setup", record.name};
        co_await await_gate(&process);
        setup.end();
        std::vector<int> held;
        if (terminal) {
            std::optional<UniqueFd> master = process.take_terminal();
            if (!master) throw Error{ErrorKind::internal, "the container came without its terminal"};
            streams.terminal = std::move(*master);
            streams.terminal_pipe = logs::make_log_pipe();
            held = {streams.terminal.get(), streams.terminal_pipe.read.get(),
                    streams.terminal_pipe.write.get()};
        } else {
            streams.out = std::move(out.read);
            streams.err = std::move(err.read);
            held = {streams.out.get(), streams.err.get()};
            if (in.write.valid()) held.push_back(in.write.get());
        }
        keeper.hold(io_key(id), held);
        LaunchOutcome outcome;
        outcome.pid = process.pid();
        outcome.start_time = process_start_time(outcome.pid).value_or(0);
        outcome.started_ns = wall_clock_ns();
        (*at_gate)(outcome);
        container->init = ProcessHandle::open(outcome.pid).value_or(ProcessHandle{});
        containers_by_pid[outcome.pid] = id;
        live[id] = container;
        pump.add(id, log_target(paths, record), std::move(streams));
        const TraceSpan exec{"runtime.exec", record.name};
        process.release();
        co_await await_exec(&process);
        co_return outcome;
    }
};

LocalEngine::LocalEngine(EventLoop& loop, Paths paths, std::string project, KeeperClient keeper, Log log)
    : impl_{std::make_unique<Impl>(*this, loop, std::move(paths), std::move(project), std::move(keeper),
                                   std::move(log))} {
    KeeperClient::Inheritance inheritance = impl_->keeper.receive_inheritance();
    impl_->inherited = std::move(inheritance.held);
    impl_->early_exits = std::move(inheritance.exits);
}

LocalEngine::~LocalEngine() = default;

UniqueFd LocalEngine::take_control_socket() {
    for (KeeperClient::Held& entry : impl_->inherited)
        if (entry.name == "control") return std::move(entry.fds.at(0));
    throw Error{ErrorKind::internal, "the keeper holds no control socket"};
}

Task<> LocalEngine::run() {
    // Whoever was not adopted is of no use any more: containers that ended, hubs that are found by their pins.
    for (const KeeperClient::Held& entry : impl_->inherited)
        if (!entry.name.empty() && entry.name != "control" && entry.name != "hub")
            impl_->keeper.drop(entry.name);
    impl_->inherited.clear();
    for (const ExitRecord& exit : impl_->early_exits) impl_->on_exit_record(exit);
    impl_->early_exits.clear();
    AsyncFd news{impl_->loop, duplicate_fd(impl_->keeper.fd())};
    for (;;) {
        while (const std::optional<ExitRecord> exit = impl_->keeper.try_receive())
            impl_->on_exit_record(*exit);
        co_await news.readable();
    }
}

Task<> LocalEngine::shut_down() {
    impl_->tasks.cancel();
    std::exception_ptr ignored;
    try {
        co_await impl_->tasks.join();
    } catch (...) {
        ignored = std::current_exception();
    }
    co_await impl_->network.stop();
}

void LocalEngine::leave() {
    impl_->keeper.quit();
}

// ---- before anything is changed -------------------------------------------------------------------------------

Task<std::vector<Error>> LocalEngine::check(std::vector<CreateRequest> to_create,
                                            std::vector<ContainerRecord> to_start) {
    const TraceSpan span{"engine.check"};
    std::vector<Error> errors;
    std::set<std::string> services;
    for (const CreateRequest& request : to_create) {
        const compose::Service& service = request.service;
        const bool first = services.insert(service.name).second;
        if (first) {
            try {
                const std::optional<Image> image = impl_->images.find(service.image);
                if (!image) static_cast<void>(impl_->images.get(service.image));
                for (Error& error : check_container(*request.project, service, *image))
                    errors.push_back(std::move(error));
            } catch (Error& error) {
                const auto key = service.positions.find("image");
                const compose::Position& where =
                    key == service.positions.end() ? service.position : key->second;
                errors.push_back(error.at(SourcePosition{where.file, where.line, where.column})
                                     .add_context(fmt::format("service \"{}\"", service.name)));
            }
        }
        for (Error& error : impl_->network.reserve(service, nullptr)) errors.push_back(std::move(error));
    }
    for (const ContainerRecord& record : to_start)
        for (Error& error : impl_->network.reserve(record.service, &record))
            errors.push_back(std::move(error));
    if (!errors.empty()) impl_->network.drop_reservations();
    co_return errors;
}

void LocalEngine::end_operation() {
    impl_->network.drop_reservations();
    impl_->image_cache.clear();
}

// ---- networks and volumes -------------------------------------------------------------------------------------

Task<> LocalEngine::create_network(compose::Network network, std::string config_hash) {
    co_await impl_->network.create(std::move(network), std::move(config_hash));
}

Task<> LocalEngine::remove_network(std::string name) {
    co_await impl_->network.remove(std::move(name));
}

Task<> LocalEngine::create_volume(compose::Volume volume) {
    VolumeRecord record;
    record.name = volume.name;
    record.key = volume.key;
    record.project = impl_->project;
    record.labels = volume.labels;
    stack::engine::create_volume(impl_->paths, record);
    co_return;
}

Task<> LocalEngine::remove_volume(std::string name) {
    auto work = [this, &name] { stack::engine::remove_volume(impl_->paths, name); };
    std::function<void()> job = work;
    co_await run_blocking(impl_->loop, std::move(job));
}

Task<> LocalEngine::remove_hub() {
    co_await impl_->network.remove_hub();
}

// ---- containers -----------------------------------------------------------------------------------------------

Task<ContainerRecord> LocalEngine::create_container(CreateRequest request) {
    const TraceSpan span{"engine.create", request.name};
    Impl& impl = *impl_;
    const FileLock hold = impl.images.hold();
    const Image image = impl.images.get(request.service.image);
    ContainerRecord record;
    record.id = random_hex(32);
    record.name = request.name;
    record.project = impl.project;
    record.service_name = request.service.name;
    record.number = request.number;
    record.service = request.service;
    record.image_reference = request.service.image;
    record.image_digest = image.digest;
    record.config_hash = request.config_hash;
    record.created_ns = wall_clock_ns();
    record.command = plan::effective_argv(request.service, image.config);
    record.labels = container_labels(*request.project, record);
    record.endpoints = wanted_seats(*request.project, request.service, record);
    save_record(impl.paths, record);  // before anything that it describes
    std::exception_ptr failure;
    try {
        std::vector<network::EndpointSpec> seats = record.endpoints;
        record.endpoints = co_await impl.network.allocate(record.id, std::move(seats));
        const std::string gateway = impl.network.host_gateway();
        const std::string directory = container_directory(impl.paths, record.project, record.id);
        auto work = [&impl, &request, &image, &record, &gateway, &directory] {
            make_writable_layer(directory, image);
            prepare_mounts(impl.paths, request, image, record);
            fill_volumes(record, image);
            write_network_files(impl.paths, record, gateway);
            save_record(impl.paths, record);
        };
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        co_await remove_container(record, false);
        std::rethrow_exception(failure);
    }
    co_return record;
}

Task<> LocalEngine::remove_container(ContainerRecord record, bool keep_anonymous_volumes) {
    Impl& impl = *impl_;
    const TraceSpan span{"engine.remove", record.name};
    co_await impl.network.forget(record.id);
    co_await impl.remove_cgroup_of(record);
    auto work = [&impl, &record, keep_anonymous_volumes] {
        if (!keep_anonymous_volumes)
            for (const MountRecord& mount : record.mounts)
                if (mount.anonymous) stack::engine::remove_volume(impl.paths, mount.volume_name);
        remove_container_files(impl.paths, record.project, record.id);
        prune_empty_parents(impl.cgroups, cgroup_path(record));
    };
    std::function<void()> job = work;
    co_await run_blocking(impl.loop, std::move(job));
}

Task<LaunchOutcome> LocalEngine::launch(ContainerRecord record,
                                        std::function<void(const LaunchOutcome&)> at_gate) {
    const TraceSpan span{"engine.launch", record.name};
    Impl& impl = *impl_;
    const std::string id = record.id;
    const Image image = impl.image_of(record.image_digest);
    const int netns = co_await impl.network.enter(record);
    {
        ContainerRecord published = record;
        impl.network.publish(published);
        if (published.ports != record.ports && !published.ports.empty()) {
            record.ports = published.ports;
            save_record(impl.paths, record);
        }
    }
    TraceSpan prepare{"engine.prepare", record.name};
    ContainerSpec spec = make_spec(impl.paths, record, image);
    Cgroup cgroup = Cgroup::create(impl.cgroups, spec.cgroups_path, spec.resources, &impl.device_programs);
    auto container = std::make_shared<Live>(record, std::move(cgroup), std::move(spec));
    prepare.end();
    std::exception_ptr failure;
    LaunchOutcome outcome;
    try {
        outcome = co_await impl.start_process(container, netns, &at_gate);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return outcome;
    impl.pump.remove(id);
    impl.keeper.drop(io_key(id));
    std::erase_if(impl.containers_by_pid, [&id](const auto& entry) { return entry.second == id; });
    impl.live.erase(id);
    co_await impl.remove_cgroup_of(record);
    std::rethrow_exception(failure);
}

bool LocalEngine::adopt(const ContainerRecord& record, const ContainerState& state) {
    Impl& impl = *impl_;
    std::optional<ProcessHandle> init = ProcessHandle::open(state.pid, state.start_time);
    std::optional<Cgroup> cgroup = Cgroup::open(impl.cgroups, cgroup_path(record));
    if (!init || !cgroup) return false;
    ContainerSpec spec;
    try {
        spec = make_spec(impl.paths, record, impl.image_of(record.image_digest));
    } catch (const Error& error) {
        impl.log.warning("adopting {}: {}", record.name,
                         error.what());  // its image is gone: it can run on, not exec
    }
    auto container = std::make_shared<Live>(record, std::move(*cgroup), std::move(spec));
    container->oom_before = 0;
    container->init = std::move(*init);
    impl.containers_by_pid[state.pid] = record.id;
    impl.live[record.id] = container;
    bool has_output = false;
    for (KeeperClient::Held& entry : impl.inherited) {
        if (entry.name != io_key(record.id)) continue;
        logs::LogStreams streams;
        if (record.service.tty && entry.fds.size() == 3) {
            streams.terminal = std::move(entry.fds[0]);
            streams.terminal_pipe.read = std::move(entry.fds[1]);
            streams.terminal_pipe.write = std::move(entry.fds[2]);
        } else if (entry.fds.size() >= 2) {
            streams.out = std::move(entry.fds[0]);
            streams.err = std::move(entry.fds[1]);
        }
        impl.pump.add(record.id, log_target(impl.paths, record), std::move(streams));
        has_output = true;
        entry.name.clear();
    }
    container->drained = !has_output;
    impl.network.adopt(record, impl.inherited);
    if (!impl.is_child_of_keeper(state.pid)) impl.tasks.spawn(impl.watch_stranger(container));
    return true;
}

void LocalEngine::release(const std::string& id) {
    impl_->network.unpublish(id);
}

void LocalEngine::signal(const std::string& id, int number) {
    const auto found = impl_->live.find(id);
    if (found != impl_->live.end() && found->second->init.valid()) found->second->init.signal(number);
}

void LocalEngine::kill_all(const std::string& id) {
    const auto found = impl_->live.find(id);
    if (found == impl_->live.end()) return;
    if (found->second->init.valid()) found->second->init.signal(SIGKILL);
    found->second->cgroup.kill_all();
}

void LocalEngine::publish_names(const std::string& id, bool answer) {
    const auto found = impl_->live.find(id);
    if (found != impl_->live.end()) {
        impl_->network.publish_names(found->second->record, answer);
        return;
    }
    ContainerRecord gone;
    gone.id = id;
    gone.endpoints.resize(1);
    if (!answer) impl_->network.publish_names(gone, false);
}

ImageConfig LocalEngine::image_config(const ContainerRecord& record) {
    try {
        return impl_->image_of(record.image_digest).config;
    } catch (const Error& error) {
        impl_->log.warning("image of {}: {}", record.name, error.what());
        return {};
    }
}

Task<ExecStarted> LocalEngine::exec(std::string id, ExecRequest request) {
    Impl& impl = *impl_;
    const auto found = impl.live.find(id);
    if (found == impl.live.end()) throw Error{ErrorKind::conflict, "the container is not running"};
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
    PendingProcess pending =
        begin_exec(target, process, fds, impl.launch_options(container->cgroup), impl.facts);
    co_await impl.await_gate(&pending);
    ExecStarted started;
    started.pid = pending.pid();
    if (request.terminal) {
        if (std::optional<UniqueFd> master = pending.take_terminal()) started.terminal = std::move(*master);
    }
    impl.execs[started.pid] = ProcessHandle::open(started.pid).value_or(ProcessHandle{});
    pending.release();
    std::exception_ptr failure;
    try {
        co_await impl.await_exec(&pending);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        impl.execs.erase(started.pid);
        std::rethrow_exception(failure);
    }
    co_return started;
}

void LocalEngine::signal_exec(pid_t pid, int number) {
    const auto found = impl_->execs.find(pid);
    if (found != impl_->execs.end() && found->second.valid()) found->second.signal(number);
}

}  // namespace stack::engine
