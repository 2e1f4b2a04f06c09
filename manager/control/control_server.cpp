#include "manager/control/control_server.hpp"

#include "manager/control/protocol.hpp"
#include "runtime/base/error.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace stack::control {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Protocol = asio::local::stream_protocol;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxBody = 64u << 20;   // a project of 10,000 services is 10 MB
constexpr std::size_t kMaxQueue = 16u << 20;  // a client that reads nothing loses its stream, not our memory

class Connection final : public Exchange, public std::enable_shared_from_this<Connection> {
  public:
    Connection(EventLoop& loop, TaskGroup& tasks, Protocol::socket socket)
        : socket_{std::move(socket)}, queued_{loop}, tasks_{tasks} {}

    Task<Request> read_request() {
        http::request_parser<http::string_body> parser;
        parser.body_limit(kMaxBody);
        co_await http::async_read(socket_, buffer_, parser, asio::use_awaitable);
        http::request<http::string_body> message = parser.release();
        Request request;
        request.method = std::string{message.method_string()};
        request.target = std::string{message.target()};
        request.upgrade = std::string{message[http::field::upgrade]};
        request.body = std::move(message.body());
        co_return request;
    }

    Task<> reply(int status, std::string json_body) override {
        http::response<http::string_body> response{static_cast<http::status>(status), 11};
        response.set(http::field::content_type, "application/json");
        response.keep_alive(false);
        response.body() = std::move(json_body);
        response.prepare_payload();
        answered_ = true;
        co_await http::async_write(socket_, response, asio::use_awaitable);
    }

    Task<> start_stream() override {
        http::response<http::empty_body> response{http::status::ok, 11};
        response.set(http::field::content_type, "application/x-ndjson");
        response.keep_alive(false);
        response.chunked(true);
        http::response_serializer<http::empty_body> serializer{response};
        answered_ = true;
        co_await http::async_write_header(socket_, serializer, asio::use_awaitable);
        streaming_ = true;
        tasks_.spawn(write_lines(shared_from_this()));
    }

    void send_line(std::string line) override {
        if (broken_) return;
        queued_bytes_ += line.size() + 1;
        if (queued_bytes_ > kMaxQueue) {
            broken_ = true;
            boost::system::error_code ignored;
            socket_.shutdown(Protocol::socket::shutdown_both, ignored);
            return;
        }
        line += '\n';
        lines_.push_back(std::move(line));
        queued_.notify_all();
    }

    // Runs beside the handler for the life of a stream: the handler never waits for a slow client.
    static Task<> write_lines(std::shared_ptr<Connection> self) { co_await self->write_queued(); }

    Task<> write_queued() {
        for (;;) {
            if (lines_.empty()) {
                if (ending_ || broken_) break;
                co_await queued_.wait();
                continue;
            }
            std::string batch;
            while (!lines_.empty()) {
                batch += lines_.front();
                lines_.pop_front();
            }
            queued_bytes_ = 0;
            const auto chunk = http::make_chunk(asio::buffer(batch));
            const auto [code, written] = co_await asio::async_write(socket_, chunk, kTuple);
            if (code) broken_ = true;
        }
        if (!broken_) {
            const auto last = http::make_chunk_last();
            const auto [code, written] = co_await asio::async_write(socket_, last, kTuple);
            if (code) broken_ = true;
        }
        written_ = true;
        queued_.notify_all();
    }

    Task<> end_stream() override {
        ending_ = true;
        queued_.notify_all();
        while (!written_) co_await queued_.wait();
    }

    Task<UniqueFd> upgrade(std::string protocol) override {
        http::response<http::empty_body> response{http::status::switching_protocols, 11};
        response.set(http::field::connection, "Upgrade");
        response.set(http::field::upgrade, protocol);
        answered_ = true;
        co_await http::async_write(socket_, response, asio::use_awaitable);
        boost::system::error_code ignored;
        co_return UniqueFd{socket_.release(ignored)};
    }

    Task<> wait_for_close() override {
        std::array<char, 256> nothing;
        for (;;) {
            const auto [code, got] = co_await socket_.async_read_some(asio::buffer(nothing), kTuple);
            if (code) break;
        }
        broken_ = true;
        queued_.notify_all();
    }

    void set_passive() override { passive_ = true; }
    [[nodiscard]] bool passive() const { return passive_; }
    [[nodiscard]] bool answered() const { return answered_; }
    [[nodiscard]] bool streaming() const { return streaming_; }

  private:
    Protocol::socket socket_;
    beast::flat_buffer buffer_;
    Signal queued_;
    TaskGroup& tasks_;
    std::deque<std::string> lines_;
    std::size_t queued_bytes_ = 0;
    bool answered_ = false, streaming_ = false, ending_ = false, broken_ = false, written_ = false;
    bool passive_ = false;
};

bool same_user(int socket) {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
    return peer.uid == ::geteuid() || peer.uid == 0;
}

std::string error_body(const Error& error) {
    ResultEvent result;
    result.exit_code = exit_code(error.kind());
    result.errors.push_back(error);
    return to_json(StreamEvent{result});
}

}  // namespace

struct ControlServer::Impl {
    Impl(EventLoop& event_loop, UniqueFd fd, Handler request_handler, Log diagnostics)
        : loop{event_loop},
          acceptor{event_loop.context(), Protocol{}, fd.release()},
          handler{std::move(request_handler)},
          log{std::move(diagnostics)},
          connections{event_loop} {
        connections.on_error([this](std::exception_ptr error) { report(error); });
    }

    EventLoop& loop;
    Protocol::acceptor acceptor;
    Handler handler;
    Log log;
    TaskGroup connections;
    std::vector<std::weak_ptr<Connection>> open;
    bool stopping = false;

    void report(std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            log.debug("control connection: {}", e.what());
        }
    }

    Task<> handle(std::shared_ptr<Connection> connection) {
        Request request = co_await connection->read_request();
        std::optional<Error> failure;
        try {
            co_await handler(std::move(request), connection);
        } catch (const Error& error) {
            failure = error;
        }
        if (!failure) co_return;
        if (!connection->answered()) {
            co_await connection->reply(400, error_body(*failure));
        } else if (connection->streaming()) {
            connection->send_line(error_body(*failure));
            co_await connection->end_stream();
        }
    }

    Task<> serve() {
        while (!stopping) {
            auto [code, socket] = co_await acceptor.async_accept(kTuple);
            if (code == asio::error::operation_aborted) break;
            if (code) {
                log.warning("accept on the control socket: {}", code.message());
                co_await sleep_for(std::chrono::milliseconds{100});
                continue;
            }
            if (!same_user(socket.native_handle())) continue;
            auto connection = std::make_shared<Connection>(loop, connections, std::move(socket));
            std::erase_if(open, [](const auto& entry) { return entry.expired(); });
            open.push_back(connection);
            connections.spawn(handle(std::move(connection)));
        }
    }
};

ControlServer::ControlServer(EventLoop& loop, UniqueFd listener, Handler handler, Log log)
    : impl_{std::make_shared<Impl>(loop, std::move(listener), std::move(handler), std::move(log))} {}
ControlServer::~ControlServer() = default;

Task<> ControlServer::serve() {
    const std::shared_ptr<Impl> impl = impl_;
    co_await impl->serve();
    co_await impl->connections.join();
}

void ControlServer::stop() {
    impl_->stopping = true;
    boost::system::error_code ignored;
    impl_->acceptor.cancel(ignored);
    impl_->acceptor.close(ignored);
    impl_->connections.cancel();
}

std::size_t ControlServer::busy() const {
    std::size_t count = 0;
    for (const auto& entry : impl_->open) {
        const auto connection = entry.lock();
        if (connection && !connection->passive()) ++count;
    }
    return count;
}

bool ControlServer::has_pending_client() const {
    pollfd entry{impl_->acceptor.native_handle(), POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
}

}  // namespace stack::control
