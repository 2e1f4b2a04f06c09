// `stack logs`: from the log files alone, so it works without a supervisor and after containers have ended. With -f
// it also listens to events, for containers that start later and to know when everything has stopped.
#include "manager/cli/commands.hpp"
#include "manager/cli/event_stream.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/log_view.hpp"
#include "manager/cli/signal_source.hpp"
#include "manager/cli/time_argument.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/text.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include <fmt/format.h>

namespace stack::cli {

namespace {

// Kernels before 6.4 don't tell about spliced bytes, so the files are looked at this often.
constexpr int kPollMs = 100;

/// Which containers' output is asked for.
class Selection {
  public:
    Selection(const LogsCommand& command, const NamedProject& project)
        : index_{command.index}, named_{command.services.begin(), command.services.end()} {
        if (!project.project) return;
        for (const auto& [name, service] : project.project->services)
            if (!service.attach) unattached_.insert(name);
    }

    bool operator()(const std::string& service, int number) const {
        if (index_ > 0 && number != index_) return false;
        return named_.empty() ? !unattached_.contains(service) : named_.contains(service);
    }

  private:
    int index_;
    std::set<std::string> named_;
    std::set<std::string> unattached_;  // `attach: false`: shown when named only
};

/// A name that neither the file nor a container has is a mistake.
void check_services(const LogsCommand& command, const NamedProject& project,
                    const engine::ProjectState& state) {
    std::vector<std::string> known;
    if (project.project)
        for (const auto& [name, service] : project.project->services) known.push_back(name);
    for (const engine::StoredContainer& container : state.containers)
        known.push_back(container.record.service_name);
    for (const std::string& name : command.services) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        Error error{ErrorKind::invalid_input, fmt::format("no such service: {}", name)};
        if (const std::optional<std::string> near = nearest(name, known))
            error.with_hint(fmt::format("did you mean \"{}\"?", *near));
        throw error;
    }
}

class LogsRun {
  public:
    LogsRun(const Context& context, const LogsCommand& command, const NamedProject& project,
            const logs::LogReadOptions& options)
        : context_{context},
          selected_{command, project},
          project_{project.name},
          sink_{context.out.fd, context.err.fd},
          view_{options, style_of(context, command), sink_, false},
          later_{options} {
        later_.tail.reset();  // what starts while we follow is shown from its beginning
    }

    void add(const engine::ProjectState& state) {
        for (const engine::StoredContainer& container : state.containers) {
            const engine::ContainerRecord& record = container.record;
            if (!selected_(record.service_name, record.number) || view_.has(record.id)) continue;
            const std::optional<logs::LogReadOptions> options =
                begun_ ? std::optional{later_} : std::optional<logs::LogReadOptions>{};
            view_.add(record.id, log_name(project_, record.service_name, record.number, record.name),
                      {engine::log_directory(context_.paths, record), record.log_name()}, options);
        }
        begun_ = true;
    }

    void print() { view_.finish(); }

    int follow() {
        SignalSource signals{SIGINT, SIGTERM};
        EventStream events{context_.paths.control_socket(project_)};
        for (;;) {
            const bool connected = events.connect();
            const bool any = view_.print_available();
            if (!connected && !any && !something_lives()) break;
            if (connected && events.synchronised() && !any && none_lives(events)) break;
            std::array<::pollfd, 3> fds{
                {{signals.fd(), POLLIN, 0}, {events.fd(), POLLIN, 0}, {view_.wait_fd(), POLLIN, 0}}};
            if (::poll(fds.data(), fds.size(), kPollMs) < 0 && errno != EINTR)
                throw_errno("wait for log lines");
            if (signals.next()) {
                view_.finish();
                return 130;
            }
            if (fds[2].revents != 0) view_.acknowledge_wait();
            if (fds[1].revents != 0) {
                events.receive();
                add(engine::load_project_state(context_.paths, project_));
            }
        }
        view_.finish();
        return 0;
    }

  private:
    static LogStyle style_of(const Context& context, const LogsCommand& command) {
        LogStyle style = command.style;
        style.colour = style.colour && context.out.colour;
        return style;
    }

    bool something_lives() {
        const engine::ProjectState state = engine::load_project_state(context_.paths, project_);
        add(state);
        return std::any_of(state.containers.begin(), state.containers.end(), [&](const auto& container) {
            using plan::ContainerStatus;
            const ContainerStatus status = container.state.status;
            return selected_(container.record.service_name, container.record.number) &&
                   (status == ContainerStatus::running || status == ContainerStatus::paused ||
                    status == ContainerStatus::restarting);
        });
    }

    bool none_lives(const EventStream& events) const {
        return std::none_of(events.containers().begin(), events.containers().end(), [&](const auto& entry) {
            return selected_(entry.second.service, entry.second.number) && EventStream::lives(entry.second);
        });
    }

    const Context& context_;
    const Selection selected_;
    const std::string project_;
    LogSink sink_;
    LogView view_;
    logs::LogReadOptions later_;
    bool begun_ = false;
};

}  // namespace

int run_logs(const Context& context, const LogsCommand& command) {
    const NamedProject project = load_project_or_name(context);
    const engine::ProjectState state = engine::load_project_state(context.paths, project.name);
    check_services(command, project, state);
    const auto now = std::chrono::system_clock::now();
    logs::LogReadOptions options;
    options.tail = command.tail;
    options.since_ns = read_time_argument("--since", command.since, now);
    options.until_ns = read_time_argument("--until", command.until, now);
    options.follow = command.follow;
    LogsRun run{context, command, project, options};
    run.add(state);
    if (command.follow) return run.follow();
    run.print();
    return 0;
}

}  // namespace stack::cli
