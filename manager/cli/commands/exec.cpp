// `stack exec`: a command inside a running container. This process keeps its own terminal and files to itself: the
// container gets pipe ends made here, or a terminal of its own, and the bytes are copied in between.
#include "manager/cli/commands.hpp"
#include "manager/cli/copy_stream.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/signal_source.hpp"
#include "manager/control/control_client.hpp"
#include "manager/control/protocol.hpp"
#include "manager/engine/project_store.hpp"
#include "manager/supervisor/supervise.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using nlohmann::json;

/// A command that ignores Ctrl-C must not hold its user: the third one leaves it alone in the container.
constexpr int kSignalsUntilLeaving = 3;

/// Whether the project has a running container to enter; found out from records, so that a wrong name starts no
/// supervisor. Which replica it is in the end, the supervisor decides.
void check_target(const Context& context, const std::string& project, const ExecCommand& command) {
    const engine::ProjectState state = engine::load_project_state(context.paths, project);
    const bool running =
        std::any_of(state.containers.begin(), state.containers.end(), [&](const auto& container) {
            return container.record.service_name == command.service &&
                   (command.index == 0 || container.record.number == command.index) &&
                   container.state.status == plan::ContainerStatus::running;
        });
    if (running) return;
    std::string what = fmt::format("service \"{}\" is not running", command.service);
    if (command.index != 0)
        what = fmt::format("container {} of service \"{}\" is not running", command.index, command.service);
    throw Error{ErrorKind::not_found, what}.with_hint(
        fmt::format("`stack ps -a` lists the containers of project {}", project));
}

control::ExecRequest make_request(const ExecCommand& command, bool tty) {
    control::ExecRequest request;
    request.service = command.service;
    request.index = command.index;
    request.argv = command.argv;
    request.env = command.env;
    request.user = command.user;
    request.workdir = command.workdir;
    request.tty = tty;
    request.detach = command.detach;
    request.privileged = command.privileged;
    if (const std::optional<TerminalSize> size = tty ? terminal_size(STDIN_FILENO) : std::nullopt) {
        request.rows = size->rows;
        request.cols = size->columns;
    }
    return request;
}

/// The conversation with the supervisor after the upgrade: lines in, signals out.
class ExecChannel {
  public:
    explicit ExecChannel(control::ControlConnection::Upgraded upgraded)
        : socket_{std::move(upgraded.socket)},
          input_{std::move(upgraded.first_bytes)},
          fds_{std::move(upgraded.first_fds)} {}

    [[nodiscard]] int fd() const { return closed_ ? -1 : socket_.get(); }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] bool started() const { return started_; }
    [[nodiscard]] const std::optional<int>& exit_code() const { return exit_code_; }
    /// The terminal that came with "started".
    UniqueFd take_terminal() {
        if (fds_.empty()) throw Error{ErrorKind::failed, "the supervisor sent no terminal"};
        return std::move(fds_.front());
    }

    /// Hands the three ends over. Throws Error.
    void send_stdio(std::array<int, 3> fds) {
        const char mark = 'F';
        send_with_fds(socket_.get(), std::as_bytes(std::span{&mark, 1}), fds);
    }

    void send_signal(int number) {
        const std::string line = json{{"signal", number}}.dump() + "\n";
        if (!closed_) static_cast<void>(::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL));
    }

    /// Lines that have come already; throws the Error that the supervisor reports.
    void take_lines() {
        for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
            const json line = json::parse(input_.substr(0, end), nullptr, false);
            input_.erase(0, end + 1);
            if (!line.is_object()) continue;
            const std::string event = line.value("event", "");
            if (event == "started") started_ = true;
            if (event == "exit") exit_code_ = line.value("code", 1);
            if (event == "error" && line.contains("errors") && !line["errors"].empty())
                throw control::error_from_json(line["errors"][0]);
        }
    }

    /// Reads once, then the same.
    void receive() {
        ReceivedMessage message;
        try {
            message = receive_with_fds(socket_.get(), 16 * 1024);
        } catch (const Error& error) {
            if (error.code() != ECONNRESET) throw;
        }
        for (UniqueFd& fd : message.fds) fds_.push_back(std::move(fd));
        closed_ = message.bytes.empty();
        input_.append(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
        take_lines();
    }

  private:
    UniqueFd socket_;
    std::string input_;
    std::vector<UniqueFd> fds_;
    bool started_ = false, closed_ = false;
    std::optional<int> exit_code_;
};

ExecChannel open_channel(const Context& context, const std::string& project,
                         const control::ExecRequest& request) {
    supervisor::ensure_supervisor(context.paths, project, context.globals.verbose);
    std::optional<control::ControlConnection> connection =
        control::ControlConnection::connect(context.paths.control_socket(project));
    if (!connection) throw Error{ErrorKind::failed, "the supervisor does not answer"};
    connection->send_request("POST", "/v1/exec", control::to_json(request), "stack-exec");
    connection->expect_status(101);
    return ExecChannel{std::move(*connection).take_upgraded()};
}

[[noreturn]] void throw_lost() {
    throw Error{ErrorKind::failed,
                "the supervisor was replaced while the command ran: its exit code is not known"};
}

/// 126 and 127 as a shell gives them: the supervisor says in `kind` why the command did not start.
int exit_code_of_failure(const Error& error) {
    if (error.code() == EACCES || error.kind() == ErrorKind::permission) return 126;
    return error.kind() == ErrorKind::not_found ? 127 : 1;
}

/// With a terminal: two streams, both through the container's pty.
int run_with_terminal(ExecChannel& channel) {
    while (!channel.started()) {
        if (channel.closed()) throw_lost();
        channel.receive();
    }
    const UniqueFd terminal = channel.take_terminal();
    SignalSource signals{SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    const RawMode raw{STDIN_FILENO};
    set_nonblocking(terminal.get(), true);  // a paste that the command does not read must not stop its output
    CopyStream keys{STDIN_FILENO, terminal.get(), true};
    CopyStream screen{terminal.get(), STDOUT_FILENO, false};
    const auto resize = [&] {
        ::winsize size{};
        if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(terminal.get(), TIOCSWINSZ, &size);
    };
    resize();
    while (!channel.exit_code() && !(channel.closed() && screen.ended())) {
        std::array<::pollfd, 5> fds{{{channel.fd(), POLLIN, 0},
                                     {signals.fd(), POLLIN, 0},
                                     keys.wait_to_read(),
                                     keys.wait_to_write(),
                                     screen.wait_to_read()}};
        if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) throw_errno("wait for the command");
        if (fds[0].revents != 0) channel.receive();
        while (const std::optional<int> signal = signals.next()) {
            if (*signal == SIGWINCH)
                resize();
            else
                channel.send_signal(*signal);
        }
        keys.step();
        screen.step();
    }
    screen.drain();
    if (!channel.exit_code()) throw_lost();
    return *channel.exit_code();
}

/// Without: three pipes; end of our stdin is the end of theirs, and a closed stdout of ours is theirs.
int run_with_pipes(ExecChannel& channel, bool interactive) {
    Pipe in = make_pipe(), out = make_pipe(), err = make_pipe();
    channel.send_stdio({in.read.get(), out.write.get(), err.write.get()});
    in.read.reset();
    out.write.reset();
    err.write.reset();
    ::signal(SIGPIPE, SIG_IGN);
    SignalSource signals{SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    CopyStream input{interactive ? STDIN_FILENO : -1, std::move(in.write)};
    CopyStream output{std::move(out.read), STDOUT_FILENO};
    CopyStream errors{std::move(err.read), STDERR_FILENO};
    int signals_sent = 0;
    while (!channel.exit_code() && !(channel.closed() && output.ended() && errors.ended())) {
        std::array<::pollfd, 6> fds{{{channel.fd(), POLLIN, 0},
                                     {signals.fd(), POLLIN, 0},
                                     input.wait_to_read(),
                                     input.wait_to_write(),
                                     output.wait_to_read(),
                                     errors.wait_to_read()}};
        if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) throw_errno("wait for the command");
        if (fds[0].revents != 0) channel.receive();
        while (const std::optional<int> signal = signals.next()) {
            channel.send_signal(*signal);
            if (++signals_sent >= kSignalsUntilLeaving) return 128 + *signal;
        }
        input.step();
        output.step();
        errors.step();
    }
    output.drain();
    errors.drain();
    if (!channel.exit_code()) throw_lost();
    return *channel.exit_code();
}

int run_detached(ExecChannel& channel) {
    while (!channel.started()) {
        if (channel.closed()) throw_lost();
        channel.receive();
    }
    return 0;
}

}  // namespace

int run_exec(const Context& context, const ExecCommand& command) {
    const std::string project = load_project_or_name(context).name;
    check_target(context, project, command);
    const bool tty = !command.no_tty && !command.detach && command.interactive &&
                     ::isatty(STDIN_FILENO) == 1 && context.out.is_terminal;
    ExecChannel channel = open_channel(context, project, make_request(command, tty));
    try {
        channel.take_lines();
        if (command.detach) return run_detached(channel);
        return tty ? run_with_terminal(channel) : run_with_pipes(channel, command.interactive);
    } catch (const Error& error) {
        if (channel.started()) throw;
        report_error(context, error);
        return exit_code_of_failure(error);
    }
}

}  // namespace stack::cli
