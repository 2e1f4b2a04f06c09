#include "manager/cli/operation.hpp"

#include "manager/cli/diagnostics.hpp"
#include "manager/cli/signal_source.hpp"
#include "manager/supervisor/supervise.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include <fmt/format.h>

namespace stack::cli {

namespace {

constexpr int kMaxAttempts = 10;

void show(Progress& progress, const Context& context, const control::StreamEvent& event) {
    if (const auto* step = std::get_if<control::ProgressEvent>(&event))
        progress.update(*step);
    else if (const auto* warning = std::get_if<control::WarningEvent>(&event))
        progress.note(render_warning(warning->message, context.err.colour));
}

}  // namespace

Operation::Operation(const Context& context, std::string project, std::string target, std::string body)
    : context_{context}, project_{std::move(project)}, target_{std::move(target)}, body_{std::move(body)} {
    send();
}

void Operation::send() {
    for (;;) {
        ++attempts_;
        supervisor::ensure_supervisor(context_.paths, project_, context_.globals.verbose);
        connection_ = control::ControlConnection::connect(context_.paths.control_socket(project_));
        try {
            if (!connection_) throw Error{ErrorKind::failed, "the supervisor does not answer"};
            connection_->send_request("POST", target_, body_);
            connection_->expect_status(200);
            return;
        } catch (const Error& error) {
            const bool refused = connection_ && connection_->response().headers_complete();
            if (refused) throw;
            if (attempts_ >= kMaxAttempts) throw Error{error}.with_hint(where_its_log_is());
            // One that is about to leave still accepts: give it time to be gone.
            std::this_thread::sleep_for(std::chrono::milliseconds{5} * (1 << std::min(attempts_, 6)));
        }
    }
}

std::string Operation::where_its_log_is() const {
    return fmt::format("its log is {}", context_.paths.supervisor_log(project_));
}

std::vector<control::StreamEvent> Operation::receive() {
    std::vector<control::StreamEvent> events;
    const bool more = connection_->receive();
    while (const std::optional<std::string> line = connection_->take_line()) {
        control::StreamEvent event = control::parse_stream_event(*line);
        if (const auto* result = std::get_if<control::ResultEvent>(&event))
            result_ = *result;
        else
            events.push_back(std::move(event));
    }
    if (more || result_) return events;
    if (attempts_ >= kMaxAttempts)
        throw Error{ErrorKind::failed, "the supervisor ended before the operation did"}.with_hint(
            where_its_log_is());
    send();
    return events;
}

void report_error(const Context& context, const Error& error) {
    write_all(context.err.fd, render_error(error, context.err.colour), "stderr");
}

int report_result(const Context& context, const control::ResultEvent& result) {
    for (const Error& error : result.errors) report_error(context, error);
    return result.ok ? 0 : result.exit_code;
}

int run_operation(const Context& context, const std::string& project, const std::string& target,
                  const std::string& body, const std::string& title) {
    Operation operation{context, project, target, body};
    const std::unique_ptr<Progress> progress = Progress::make(context.globals.progress, context.err, title);
    SignalSource signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    const int tick =
        progress->tick_interval().count() > 0 ? static_cast<int>(progress->tick_interval().count()) : -1;
    while (!operation.result()) {
        std::array<::pollfd, 2> fds{{{operation.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
        if (::poll(fds.data(), fds.size(), tick) < 0 && errno != EINTR)
            throw_errno("wait for the supervisor");
        if (fds[0].revents != 0)
            for (const control::StreamEvent& event : operation.receive()) show(*progress, context, event);
        while (const std::optional<int> signal = signals.next()) {
            if (*signal == SIGWINCH) continue;
            progress->note(
                "Left: the supervisor goes on; `stack ps` shows how far it is, `stack down` undoes it");
            return 128 + *signal;
        }
        progress->tick();
    }
    progress->finish();
    return report_result(context, *operation.result());
}

}  // namespace stack::cli
