#include "manager/supervisor/supervisor.hpp"

#include "manager/plan/image_defaults.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"

#include <signal.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::supervisor {

namespace {

MachineSettings settings_of(const engine::ContainerRecord& record, const ImageConfig& image) {
    MachineSettings settings;
    settings.restart = record.oneoff ? compose::RestartPolicy{} : record.service.restart;
    settings.stop_signal = plan::effective_stop_signal(record.service, image);
    settings.stop_grace = plan::effective_stop_grace(record.service);
    settings.probe = plan::effective_healthcheck(record.service, image);
    return settings;
}

// Docker's numbers: what the shell would say of a command that can't be run.
int exit_code_of_launch_failure(const Error& error) {
    if (error.kind() == ErrorKind::not_found) return 127;
    if (error.kind() == ErrorKind::permission) return 126;
    return 128;
}

}  // namespace

Supervisor::Supervisor(EventLoop& loop, engine::Paths paths, std::string project, engine::Engine& engine,
                       Log log)
    : loop_{loop},
      paths_{std::move(paths)},
      project_name_{std::move(project)},
      engine_{engine},
      log_{std::move(log)},
      changed_{loop},
      timers_changed_{loop},
      tasks_{loop} {
    engine_.on_container_exit = [this](engine::ContainerExit exit) { on_exit(exit); };
    engine_.on_exec_exit = [this](pid_t pid, int exit_code) {
        exec_exits_[pid] = exit_code;
        changed_.notify_all();
    };
    engine_.on_note = [this](std::string note) { warn(note); };
    tasks_.on_error([this](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            log_.error("task of a container: {}", e.what());
        }
    });
}

Supervisor::~Supervisor() = default;

Task<> Supervisor::shut_down() {
    tasks_.cancel();
    std::exception_ptr ignored;
    try {
        co_await tasks_.join();
    } catch (...) {
        ignored = std::current_exception();  // reported when it happened
    }
}

// ---- units ----------------------------------------------------------------------------------------------------

Supervisor::UnitPtr Supervisor::find(const std::string& id) const {
    const auto found = units_.find(id);
    return found == units_.end() ? nullptr : found->second;
}

std::vector<Supervisor::UnitPtr> Supervisor::units_of(const std::string& service) const {
    std::vector<UnitPtr> result;
    for (const auto& [id, unit] : units_)
        if (unit->record.service_name == service && !unit->record.oneoff) result.push_back(unit);
    std::sort(result.begin(), result.end(),
              [](const UnitPtr& a, const UnitPtr& b) { return a->record.number < b->record.number; });
    return result;
}

Supervisor::UnitPtr Supervisor::add_unit(engine::ContainerRecord record, engine::ContainerState state) {
    auto unit = std::make_shared<Unit>();
    unit->record = std::move(record);
    unit->state = std::move(state);
    unit->settings = settings_of(unit->record, engine_.image_config(unit->record));
    units_[unit->record.id] = unit;
    return unit;
}

void Supervisor::adopt() {
    const engine::ProjectState stored = engine::load_project_state(paths_, project_name_);
    const TimePoint now = Clock::now();
    for (const engine::StoredContainer& container : stored.containers) {
        const UnitPtr unit = add_unit(container.record, container.state);
        const engine::ContainerState& state = container.state;
        const std::chrono::nanoseconds age{wall_clock_ns() - state.started_ns};
        Adopted record;
        record.restarts = state.restarts;
        record.health = health_from_word(state.health.c_str());
        record.stopped_by_hand = state.stopped_by_user;
        Step step;
        if (state.status == plan::ContainerStatus::running && engine_.adopt(unit->record, state)) {
            step = adopt_running(unit->settings, record, now - age, now);
            ++unit->launches;
        } else if (state.status == plan::ContainerStatus::created || state.stopped_by_user) {
            continue;
        } else {
            // Ended while nobody looked, or waited for its restart: the policy decides as it would have.
            const std::chrono::nanoseconds ran_for{state.finished_ns - state.started_ns};
            const Exited exit{state.exit_code, state.oom_killed};
            step = adopt_ended(unit->settings, record, exit, ran_for, now);
        }
        unit->machine = step.state;
        apply(unit, step.actions);
    }
    log_.info("adopted {} containers of project {}", units_.size(), project_name_);
}

void Supervisor::feed(const UnitPtr& unit, const Event& event) {
    if (unit->removed) return;
    const Step result = step(unit->settings, unit->machine, event, Clock::now());
    unit->machine = result.state;
    apply(unit, result.actions);
    changed_.notify_all();
}

void Supervisor::apply(const UnitPtr& unit, const std::vector<Action>& actions) {
    const std::string& id = unit->record.id;
    for (const Action& action : actions) {
        if (std::holds_alternative<Launch>(action)) {
            tasks_.spawn(launch_unit(unit));
        } else if (const auto* send = std::get_if<SendSignal>(&action)) {
            engine_.signal(id, send->signal);
        } else if (std::holds_alternative<Kill>(action)) {
            engine_.kill_all(id);
            emit(unit, "kill");
        } else if (const auto* arm = std::get_if<ArmTimer>(&action)) {
            unit->timer = arm->deadline;
            timers_changed_.notify_all();
        } else if (const auto* report = std::get_if<Report>(&action)) {
            apply_report(unit, *report);
        } else if (std::holds_alternative<PublishNames>(action)) {
            engine_.publish_names(id, true);
        } else if (std::holds_alternative<WithdrawNames>(action)) {
            engine_.publish_names(id, false);
        } else if (const auto* probe = std::get_if<RunProbe>(&action)) {
            unit->probe = probe->probe;
            tasks_.spawn(probe_unit(unit, probe->probe));
        } else if (std::holds_alternative<CancelProbe>(action)) {
            if (unit->probe_pid) engine_.signal_exec(*unit->probe_pid, SIGKILL);
        }
    }
}

void Supervisor::apply_report(const UnitPtr& unit, const Report& report) {
    engine::ContainerState& state = unit->state;
    const plan::ContainerStatus before = state.status;
    const std::string health_before = state.health;
    state.status = report.status;
    state.exit_code = report.exit_code;
    state.oom_killed = report.oom_killed;
    state.health = health_word(report.health);
    state.restarts = report.restarts;
    state.stopped_by_user = report.stopped_by_hand;
    state.error = report.error;
    const bool runs = report.status == plan::ContainerStatus::running;
    if (!runs) {
        if (state.pid != 0) state.finished_ns = wall_clock_ns();
        state.pid = 0;
    }
    try {
        engine::save_state(paths_, unit->record, state);
    } catch (const Error& error) {
        log_.error("state of {}: {}", unit->record.name, error.what());
    }
    const bool ran = before == plan::ContainerStatus::running;
    if (runs && !ran) emit(unit, before == plan::ContainerStatus::restarting ? "restart" : "start");
    if (!runs && ran) {
        if (report.oom_killed) emit(unit, "oom");
        emit(unit, "die", report.status == plan::ContainerStatus::restarting);
    }
    if (runs && state.health != health_before) emit(unit, "health_status");
    if (report.status == plan::ContainerStatus::exited || report.status == plan::ContainerStatus::created)
        engine_.release(unit->record.id);
}

void Supervisor::on_exit(const engine::ContainerExit& exit) {
    const UnitPtr unit = find(exit.id);
    if (!unit) return;
    unit->state.finished_ns = exit.time_ns;
    log_.info("{} exited with code {}{}", unit->record.name, exit.exit_code,
              exit.oom_killed ? ", out of memory" : "");
    feed(unit, Exited{exit.exit_code, exit.oom_killed});
}

Task<> Supervisor::launch_unit(UnitPtr unit) {
    std::exception_ptr failure;
    pid_t pid = 0;
    // The record of the pid is on disk before the program runs: whoever comes after a crash finds the process.
    auto at_gate = [this, unit](const engine::LaunchOutcome& outcome) {
        unit->state.pid = outcome.pid;
        unit->state.start_time = outcome.start_time;
        unit->state.started_ns = outcome.started_ns;
        unit->state.boot = boot_id();
        engine::ContainerState running = unit->state;
        running.status = plan::ContainerStatus::running;
        running.stopped_by_user = false;
        engine::save_state(paths_, unit->record, running);
    };
    std::function<void(const engine::LaunchOutcome&)> gate = at_gate;
    try {
        const engine::LaunchOutcome outcome = co_await engine_.launch(unit->record, std::move(gate));
        pid = outcome.pid;
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) {
        ++unit->launches;
        unit->last_failure = nullptr;
        feed(unit, Launched{pid});
        co_return;
    }
    unit->state.pid = 0;
    unit->last_failure = failure;
    ++unit->failures;
    LaunchFailed failed;
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        failed.exit_code = exit_code_of_launch_failure(error);
        failed.error = error.what();
    } catch (const std::exception& error) {
        failed.error = error.what();
    }
    log_.warning("{}: {}", unit->record.name, failed.error);
    feed(unit, failed);
}

Task<> Supervisor::probe_unit(UnitPtr unit, std::uint64_t probe) {
    int exit_code = -1;
    std::exception_ptr failure;
    engine::ExecRequest request;
    request.argv = unit->settings.probe->argv;
    try {
        const engine::ExecStarted started = co_await exec(unit->record.id, std::move(request));
        const pid_t pid = started.pid;
        unit->probe_pid = pid;
        // Timed out while it was being started: nobody else can end it now.
        if (!unit->machine.health.probing || unit->machine.health.probe != probe)
            engine_.signal_exec(pid, SIGKILL);
        exit_code = co_await wait_exec(pid);
    } catch (...) {
        failure = std::current_exception();
    }
    unit->probe_pid.reset();
    if (failure && is_cancelled(failure)) std::rethrow_exception(failure);
    feed(unit, ProbeEnded{probe, exit_code});
}

Task<> Supervisor::run_timers() {
    for (;;) {
        TimePoint next = TimePoint::max();
        const TimePoint now = Clock::now();
        std::vector<UnitPtr> due;
        for (const auto& [id, unit] : units_) {
            if (!unit->timer) continue;
            if (*unit->timer <= now) {
                due.push_back(unit);
            } else {
                next = std::min(next, *unit->timer);
            }
        }
        for (const UnitPtr& unit : due) {
            unit->timer.reset();
            feed(unit, TimerFired{});
        }
        if (!due.empty()) continue;
        static_cast<void>(co_await timers_changed_.wait_until(next));
    }
}

// ---- exec and events ------------------------------------------------------------------------------------------

std::string Supervisor::find_exec_target(const control::ExecRequest& request) const {
    if (!request.container.empty()) {
        for (const auto& [id, unit] : units_)
            if (unit->record.name == request.container && unit->state.pid != 0) return id;
        throw Error{ErrorKind::not_found, fmt::format("container \"{}\" is not running", request.container)};
    }
    for (const UnitPtr& unit : units_of(request.service)) {
        if (request.index != 0 && unit->record.number != request.index) continue;
        if (unit->state.status == plan::ContainerStatus::running) return unit->record.id;
    }
    throw Error{ErrorKind::not_found, request.index == 0
                                          ? fmt::format("service \"{}\" is not running", request.service)
                                          : fmt::format("service \"{}\" is not running container #{}",
                                                        request.service, request.index)};
}

Task<engine::ExecStarted> Supervisor::exec(std::string id, engine::ExecRequest request) {
    engine::ExecStarted started = co_await engine_.exec(std::move(id), std::move(request));
    exec_exits_.try_emplace(started.pid, std::nullopt);
    co_return started;
}

Task<int> Supervisor::wait_exec(pid_t pid) {
    for (;;) {
        const auto found = exec_exits_.find(pid);
        if (found == exec_exits_.end()) throw Error{ErrorKind::internal, "no such exec"};
        if (found->second) {
            const int code = *found->second;
            exec_exits_.erase(found);
            co_return code;
        }
        co_await changed_.wait();
    }
}

void Supervisor::emit(const UnitPtr& unit, const std::string& action, bool restarting) {
    control::ContainerEvent event;
    event.action = action;
    event.container = unit->record.name;
    event.id = unit->record.id;
    event.service = unit->record.service_name;
    event.number = unit->record.number;
    event.exit_code = unit->state.exit_code;
    event.restarting = restarting;
    event.health = unit->state.health;
    event.time_ns = wall_clock_ns();
    const control::Event wrapped{event};
    const auto listeners = listeners_;  // one of them may leave while it is told
    for (const auto& [key, listener] : listeners) listener(wrapped);
}

std::shared_ptr<void> Supervisor::subscribe(std::function<void(const control::Event&)> listener) {
    const std::uint64_t key = next_listener_++;
    control::SnapshotEvent snapshot;
    snapshot.containers = summary().containers;
    const control::Event first{snapshot};
    listener(first);
    listeners_.emplace(key, std::move(listener));
    return {nullptr, [this, key](void*) { listeners_.erase(key); }};
}

control::ProjectSummary Supervisor::summary() const {
    control::ProjectSummary result;
    result.name = project_name_;
    for (const auto& [id, unit] : units_) {
        control::ContainerSummary container;
        container.name = unit->record.name;
        container.id = id;
        container.service = unit->record.service_name;
        container.number = unit->record.number;
        container.status = plan::status_word(unit->state.status);
        container.exit_code = unit->state.exit_code;
        container.health = unit->state.health;
        result.containers.push_back(std::move(container));
    }
    std::sort(result.containers.begin(), result.containers.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    const engine::ProjectState stored = engine::load_project_state(paths_, project_name_);
    if (stored.project) {
        result.working_dir = stored.project->project.working_dir;
        result.files = stored.project->project.files;
    }
    return result;
}

bool Supervisor::idle() const {
    if (turn_taken_ || turns_waiting_ > 0) return false;
    return std::none_of(units_.begin(), units_.end(), [](const auto& entry) { return entry.second->live(); });
}

bool Supervisor::nothing_left() const {
    return units_.empty() && engine::load_network_notes(paths_, project_name_).empty();
}

}  // namespace stack::supervisor
