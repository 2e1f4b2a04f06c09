#include "manager/supervisor/control_api.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/version.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::supervisor {

namespace {

using control::Exchange;
using control::Request;
using ExchangePtr = std::shared_ptr<Exchange>;

class ControlApi {
  public:
    ControlApi(EventLoop& loop, Supervisor& supervisor) : loop_{loop}, supervisor_{supervisor} {}

    Task<> answer(Request request, ExchangePtr exchange) {
        const std::string& target = request.target;
        if (request.method == "GET" && target == "/v1/version") {
            const nlohmann::json body{{"version", kVersion},
                                      {"api", control::kApiVersion},
                                      {"pid", ::getpid()},
                                      {"keeper", ::getppid()}};
            co_await exchange->reply(200, body.dump());
        } else if (request.method == "GET" && target == "/v1/project") {
            std::string body = control::to_json(supervisor_.summary());
            co_await exchange->reply(200, std::move(body));
        } else if (request.method == "GET" && target == "/v1/events") {
            co_await stream_events(exchange);
        } else if (request.method == "POST" && target == "/v1/exec") {
            co_await exec(std::move(request), exchange);
        } else if (request.method == "POST") {
            co_await operate(std::move(request), exchange);
        } else {
            throw Error{ErrorKind::not_found, fmt::format("no such resource: {} {}", request.method, target)};
        }
    }

  private:
    Task<> stream_events(ExchangePtr exchange) {
        co_await exchange->start_stream();
        exchange->set_passive();
        const auto subscription = supervisor_.subscribe(
            [exchange](const control::Event& event) { exchange->send_line(control::to_json(event)); });
        co_await exchange->wait_for_close();
    }

    Task<> operate(Request request, ExchangePtr exchange) {
        EventSink sink = [exchange](const control::StreamEvent& event) {
            exchange->send_line(control::to_json(event));
        };
        const std::string& target = request.target;
        Task<control::ResultEvent> operation = begin(target, request.body, sink);
        co_await exchange->start_stream();
        control::ResultEvent result;
        std::exception_ptr failure;
        try {
            result = co_await std::move(operation);
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) result = result_of(failure);
        const control::StreamEvent last{std::move(result)};
        sink(last);
        co_await exchange->end_stream();
    }

    // Throws Error(invalid_input) for a body that is none of ours, before the answer has begun.
    Task<control::ResultEvent> begin(const std::string& target, const std::string& body, EventSink sink) {
        if (target == "/v1/up") return supervisor_.up(control::parse_up_request(body), std::move(sink));
        if (target == "/v1/down") return supervisor_.down(control::parse_down_request(body), std::move(sink));
        if (target == "/v1/start")
            return supervisor_.start(control::parse_select_request(body), std::move(sink));
        if (target == "/v1/stop")
            return supervisor_.stop(control::parse_select_request(body), std::move(sink));
        if (target == "/v1/restart")
            return supervisor_.restart(control::parse_select_request(body), std::move(sink));
        if (target == "/v1/kill")
            return supervisor_.kill(control::parse_select_request(body), std::move(sink));
        throw Error{ErrorKind::not_found, fmt::format("no such resource: POST {}", target)};
    }

    static control::ResultEvent result_of(const std::exception_ptr& failure) {
        control::ResultEvent result;
        try {
            std::rethrow_exception(failure);
        } catch (const Error& error) {
            result.exit_code = exit_code(error.kind());
            result.errors.push_back(error);
        } catch (const std::exception& error) {
            result.exit_code = exit_code(ErrorKind::internal);
            result.errors.push_back(Error{ErrorKind::internal, error.what()});
        }
        return result;
    }

    Task<> exec(Request request, ExchangePtr exchange) {
        const control::ExecRequest wanted = control::parse_exec_request(request.body);
        std::string id = supervisor_.find_exec_target(wanted);
        if (request.upgrade != "stack-exec")
            throw Error{ErrorKind::invalid_input, "exec needs the header 'Upgrade: stack-exec'"};
        UniqueFd raw = co_await exchange->upgrade("stack-exec");
        set_nonblocking(raw.get(), true);
        AsyncFd socket{loop_, std::move(raw)};
        std::exception_ptr failure;
        try {
            co_await serve_exec(wanted, std::move(id), &socket);
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) co_return;
        const control::ResultEvent result = result_of(failure);
        const nlohmann::json line{{"event", "error"},
                                  {"errors", {control::error_to_json(result.errors.at(0))}}};
        send(&socket, line.dump(), -1);
    }

    Task<> serve_exec(const control::ExecRequest& wanted, std::string id, AsyncFd* socket) {
        engine::ExecRequest request;
        request.argv = wanted.argv;
        request.env = wanted.env;
        request.user = wanted.user;
        request.working_dir = wanted.workdir;
        request.terminal = wanted.tty;
        request.rows = wanted.rows;
        request.columns = wanted.cols;
        request.privileged = wanted.privileged;
        std::vector<UniqueFd> stdio;
        if (!wanted.tty && !wanted.detach) {
            co_await socket->readable();
            ReceivedMessage message = receive_with_fds(socket->get(), 1);
            if (message.fds.size() != 3)
                throw Error{ErrorKind::invalid_input, "exec needs three descriptors"};
            stdio = std::move(message.fds);
            request.in = stdio[0].get();
            request.out = stdio[1].get();
            request.err = stdio[2].get();
        }
        engine::ExecStarted started = co_await supervisor_.exec(std::move(id), std::move(request));
        stdio.clear();  // the process has its own: its end must be the end of the pipes
        const pid_t pid = started.pid;
        const nlohmann::json first{{"event", "started"}, {"pid", pid}};
        send(socket, first.dump(), started.terminal.get());
        started.terminal.reset();
        if (wanted.detach) {
            static_cast<void>(co_await supervisor_.wait_exec(pid));
            co_return;
        }
        TaskGroup listening{loop_};
        listening.spawn(forward_signals(socket, pid));
        const int code = co_await supervisor_.wait_exec(pid);
        listening.cancel();
        co_await listening.join();
        const nlohmann::json last{{"event", "exit"}, {"code", code}};
        send(socket, last.dump(), -1);
    }

    // Lines {"signal":N} of the client; its going away ends nothing.
    Task<> forward_signals(AsyncFd* socket, pid_t pid) {
        std::string buffer;
        for (;;) {
            co_await socket->readable();
            std::array<char, 1024> bytes;
            const ssize_t got = ::recv(socket->get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return;
            if (got < 0) continue;
            buffer.append(bytes.data(), static_cast<std::size_t>(got));
            for (std::size_t end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
                const nlohmann::json line = nlohmann::json::parse(buffer.substr(0, end), nullptr, false);
                buffer.erase(0, end + 1);
                if (line.is_object() && line.contains("signal") && line["signal"].is_number_integer())
                    supervisor_.signal_exec(pid, line["signal"].get<int>());
            }
            if (buffer.size() > 4096) co_return;
        }
    }

    static void send(AsyncFd* socket, std::string line, int fd) {
        line += '\n';
        const std::span<const int> fds{&fd, fd >= 0 ? 1u : 0u};
        try {
            send_with_fds(socket->get(), std::as_bytes(std::span{line}), fds);
        } catch (const Error&) {  // the client has gone; the process goes on
        }
    }

    EventLoop& loop_;
    Supervisor& supervisor_;
};

}  // namespace

control::Handler make_control_api(EventLoop& loop, Supervisor& supervisor) {
    auto api = std::make_shared<ControlApi>(loop, supervisor);
    return [api](Request request, ExchangePtr exchange) {
        return api->answer(std::move(request), std::move(exchange));
    };
}

}  // namespace stack::supervisor
