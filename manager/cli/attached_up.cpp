#include "manager/cli/attached_up.hpp"

#include "manager/cli/diagnostics.hpp"
#include "manager/cli/service_choice.hpp"
#include "manager/supervisor/supervise.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

namespace stack::cli {

namespace {

// Kernels before 6.4 don't tell about spliced bytes, so the log files are looked at this often.
constexpr int kLookAgainMs = 100;

logs::LogReadOptions follow_since(std::int64_t time_ns) {
    logs::LogReadOptions options;
    options.follow = true;
    options.since_ns = time_ns;
    return options;
}

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// Connected before the operation begins, so that no start and no end is missed.
EventStream connected_events(const Context& context, const std::string& project) {
    supervisor::ensure_supervisor(context.paths, project, context.globals.verbose);
    EventStream events{context.paths.control_socket(project)};
    events.connect();
    return events;
}

LogStyle style_on(const Context& context, LogStyle style) {
    style.colour = style.colour && context.out.colour;
    return style;
}

}  // namespace

UpScope scope_of(const compose::Project& project, const UpCommand& command) {
    UpScope scope;
    std::set<std::string> named = command.options.services;
    if (named.empty())
        for (const auto& [name, service] : project.services) named.insert(name);
    for (const std::string& name : named) {
        if (command.options.no_deps)
            scope.involved.insert(name);
        else
            add_with_dependencies(project, name, scope.involved);
    }
    scope.shown = command.attach_dependencies ? scope.involved : named;
    std::erase_if(scope.shown, [&](const std::string& name) {
        const auto service = project.services.find(name);
        return service != project.services.end() && !service->second.attach &&
               !command.options.services.contains(name);
    });
    if (!command.attach.empty()) scope.shown.clear();
    for (const std::string& name : command.attach) {
        check_service(project, "--attach", name);
        scope.shown.insert(name);
    }
    for (const std::string& name : command.no_attach) {
        check_service(project, "--no-attach", name);
        scope.shown.erase(name);
    }
    if (!command.exit_code_from.empty()) check_service(project, "--exit-code-from", command.exit_code_from);
    return scope;
}

AttachedUp::AttachedUp(const Context& context, const UpCommand& command, const compose::Project& project,
                       std::string body)
    : context_{context},
      command_{command},
      project_{project},
      scope_{scope_of(project, command)},
      begun_ns_{now_ns()},
      events_{connected_events(context, project.name)},
      operation_{context, project.name, "/v1/up", std::move(body)},
      progress_{Progress::make(context.globals.progress, context.err, "Running")},
      signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH},
      sink_{context.out.fd, context.err.fd},
      view_{follow_since(begun_ns_), style_on(context, command.style), sink_, true} {}

int AttachedUp::run() {
    while (!finished()) {
        wait_for_input();
        if (phase_ == Phase::starting)
            progress_->tick();
        else
            view_.print_available();
    }
    progress_->finish();
    view_.finish();
    return result();
}

void AttachedUp::wait_for_input() {
    if (events_.fd() < 0) reconnect_events();
    enum { operation, stop, events, signals, logs };
    std::array<::pollfd, 5> fds{{{operation_.result() ? -1 : operation_.fd(), POLLIN, 0},
                                 {stop_ && !stop_->result() ? stop_->fd() : -1, POLLIN, 0},
                                 {events_.fd(), POLLIN, 0},
                                 {signals_.fd(), POLLIN, 0},
                                 {phase_ == Phase::starting ? -1 : view_.wait_fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), kLookAgainMs) < 0 && errno != EINTR)
        throw_errno("wait for the supervisor");
    // Events before the operation: a container that starts is known when its step is shown.
    if (fds[events].revents != 0) read_events();
    if (fds[operation].revents != 0) read_operation();
    if (fds[stop].revents != 0) read_stop();
    if (fds[logs].revents != 0) view_.acknowledge_wait();
    read_signals();
}

void AttachedUp::read_operation() {
    for (const control::StreamEvent& event : operation_.receive()) {
        if (const auto* step = std::get_if<control::ProgressEvent>(&event))
            on_step(*step);
        else if (const auto* warning = std::get_if<control::WarningEvent>(&event))
            progress_->note(render_warning(warning->message, context_.err.colour));
    }
    if (operation_.result() && phase_ == Phase::starting) begin_following();
}

/// Steps of a stop are plain lines: a redrawn block and log lines can't share a screen.
void AttachedUp::read_stop() {
    for (const control::StreamEvent& event : stop_->receive())
        if (const auto* step = std::get_if<control::ProgressEvent>(&event)) progress_->update(*step);
}

void AttachedUp::on_step(const control::ProgressEvent& step) {
    const bool container = step.resource.starts_with("Container ");
    if (phase_ == Phase::starting && container && step.status == "Starting") begin_following();
    const bool failed = look_of_status(step.status) == ProgressRow::Look::failed;
    if (phase_ == Phase::starting || failed) progress_->update(step);
}

void AttachedUp::begin_following() {
    if (phase_ != Phase::starting) return;
    phase_ = Phase::following;
    progress_->finish();
    const bool quiet = context_.globals.progress == ProgressMode::quiet;
    const bool json = context_.globals.progress == ProgressMode::json;
    progress_ = Progress::make(quiet  ? ProgressMode::quiet
                               : json ? ProgressMode::json
                                      : ProgressMode::plain,
                               context_.err, {});
    std::vector<std::string> names;
    for (const auto& [id, container] : events_.containers()) {
        if (!scope_.shown.contains(container.service)) continue;
        names.push_back(log_name(project_.name, container.service, container.number, container.name));
    }
    std::sort(names.begin(), names.end());
    if (!names.empty()) sink_.buffer(false) += fmt::format("Attaching to {}\n", join(names, ", "));
    sink_.flush();
    for (const std::string& name : names)  // colours go by name, not by id
        for (const auto& [id, container] : events_.containers())
            if (log_name(project_.name, container.service, container.number, container.name) == name)
                show_container(container);
}

void AttachedUp::show_container(const control::ContainerSummary& container) {
    if (!scope_.shown.contains(container.service)) return;
    engine::ContainerRecord record;
    record.id = container.id;
    record.project = project_.name;
    record.service_name = container.service;
    record.number = container.number;
    view_.add(container.id, log_name(project_.name, container.service, container.number, container.name),
              {engine::log_directory(context_.paths, record), record.log_name()});
}

void AttachedUp::read_events() {
    for (const control::ContainerEvent& event : events_.receive()) on_event(event);
}

void AttachedUp::on_event(const control::ContainerEvent& event) {
    if (!scope_.involved.contains(event.service)) return;
    // What a snapshot tells has no time: a container that ran before is no reason to show logs yet.
    if (event.action == "start" && event.time_ns != 0) begin_following();
    if (event.action == "die") on_die(event);
    if (phase_ == Phase::starting) return;
    if (event.action == "create" || event.action == "start") {
        const auto container = events_.containers().find(event.id);
        if (container != events_.containers().end()) show_container(container->second);
    }
}

void AttachedUp::on_die(const control::ContainerEvent& event) {
    view_.print_exit(event.id, event.exit_code, event.restarting);
    if (event.service == command_.exit_code_from && !chosen_code_ && !event.restarting)
        chosen_code_ = event.exit_code;
    const bool aborts =
        !event.restarting && (command_.abort_on_exit || (command_.abort_on_failure && event.exit_code != 0));
    if (!aborts || phase_ != Phase::following || abort_code_ || !view_.has(event.id)) return;
    abort_code_ = event.exit_code;
    stop_all("Aborting on container exit...");
}

void AttachedUp::read_signals() {
    while (const std::optional<int> signal = signals_.next()) {
        if (*signal == SIGWINCH) continue;
        if (!interrupted_) interrupted_ = *signal;
        if (phase_ == Phase::starting) begin_following();
        if (phase_ == Phase::following)
            stop_all("Gracefully Stopping... press Ctrl+C again to force");
        else if (phase_ == Phase::stopping)
            kill_all();
    }
}

void AttachedUp::stop_all(const std::string& message) {
    phase_ = Phase::stopping;
    progress_->note(message);
    send_select("/v1/stop", 0);
}

void AttachedUp::kill_all() {
    phase_ = Phase::killing;
    send_select("/v1/kill", SIGKILL);
}

void AttachedUp::send_select(const char* target, int signal) {
    control::SelectRequest request;
    request.project = project_;
    request.parallel = context_.globals.parallel;
    request.options.services = scope_.involved;
    request.options.timeout = command_.options.timeout;
    request.options.signal = signal;
    stop_.emplace(context_, project_.name, target, control::to_json(request));
}

/// The supervisor left because nothing lives any more, or it was killed and its keeper starts another one.
void AttachedUp::reconnect_events() {
    if (events_.connect()) return;
    const engine::ProjectState state = engine::load_project_state(context_.paths, project_.name);
    control::SnapshotEvent snapshot;
    bool lives = false;
    for (const engine::StoredContainer& container : state.containers) {
        const std::string status = plan::status_word(container.state.status);
        const bool this_lives = status == "running" || status == "restarting" || status == "paused";
        lives = lives || this_lives;
        snapshot.containers.push_back({container.record.name, container.record.id,
                                       container.record.service_name, container.record.number, status,
                                       container.state.exit_code, container.state.health});
    }
    for (const control::ContainerEvent& event : events_.take_snapshot(snapshot)) on_event(event);
    if (lives) supervisor::ensure_supervisor(context_.paths, project_.name, context_.globals.verbose);
}

bool AttachedUp::any_lives(const std::set<std::string>& services) const {
    return std::any_of(events_.containers().begin(), events_.containers().end(), [&](const auto& entry) {
        return services.contains(entry.second.service) && EventStream::lives(entry.second);
    });
}

bool AttachedUp::finished() const {
    if (phase_ == Phase::starting || !operation_.result()) return false;
    if (stop_) return stop_->result() && (!stop_->result()->ok || !any_lives(scope_.involved));
    if (!operation_.result()->ok) return true;
    return !any_lives(scope_.shown.empty() ? scope_.involved : scope_.shown);
}

int AttachedUp::result() const {
    if (stop_ && !stop_->result()->ok) report_result(context_, *stop_->result());
    if (interrupted_) return 128 + *interrupted_;
    if (!command_.exit_code_from.empty() && chosen_code_) return *chosen_code_;
    if (abort_code_) return *abort_code_;
    return report_result(context_, *operation_.result());
}

}  // namespace stack::cli
