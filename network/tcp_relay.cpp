#include "network/tcp_relay.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

namespace stack::network {

namespace {

constexpr std::size_t kChunk = 1 << 16;  // a pipe's default size
constexpr int kRoundsPerTurn = 16;       // about 1 MiB, then the others get their turn
constexpr std::size_t kSparePipes = 64;
constexpr int kSynRetries = 3;  // gives up on a silent container after about 15 s
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

void set_flag(int socket, int level, int option, int value) {
    static_cast<void>(::setsockopt(socket, level, option, &value, sizeof value));  // comfort, not correctness
}

bool would_block(int err) {
    return err == EAGAIN || err == EINTR;
}
bool out_of_descriptors(int err) {
    return err == EMFILE || err == ENFILE;
}

}  // namespace

Pipe PipePool::take() {
    if (free_.empty()) return make_pipe(O_NONBLOCK);
    Pipe pipe = std::move(free_.back());
    free_.pop_back();
    return pipe;
}

void PipePool::give_back(Pipe pipe) {
    if (free_.size() < kSparePipes) free_.push_back(std::move(pipe));
}

TcpRelay::TcpRelay(Poller& poller, PipePool& pipes, UniqueFd client, const SocketAddress& target,
                   OnEnd on_end)
    : poller_{poller},
      pipes_{pipes},
      client_{std::move(client)},
      server_{::socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)},
      on_end_{std::move(on_end)} {
    if (!server_.valid()) throw_errno("open socket");
    up_.from = down_.to = client_.get();
    up_.to = down_.from = server_.get();
    for (const int socket : {client_.get(), server_.get()}) {
        set_flag(socket, IPPROTO_TCP, TCP_NODELAY, 1);
        set_flag(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    }
    set_flag(server_.get(), IPPROTO_TCP, TCP_SYNCNT, kSynRetries);
    if (::connect(server_.get(), target.get(), target.size()) != 0 && errno != EINPROGRESS)
        throw_errno("connect to container");
    poller_.watch(server_.get(), kEvents, *this);
    poller_.watch(client_.get(), kEvents, *this);
}

void TcpRelay::on_ready(std::uint32_t events) {
    if (over_ || !finish_connect()) return;
    if (events & EPOLLERR) return end(true);  // a reset, also where neither direction waits for bytes
    const Progress up = pump(up_);
    const Progress down = up == Progress::failed ? Progress::failed : pump(down_);
    if (up == Progress::failed || down == Progress::failed) return end(true);
    if (up_.closed && down_.closed) return end(false);
    if (up == Progress::busy || down == Progress::busy) poller_.once_more(*this);
    if (up == Progress::starved || down == Progress::starved) poller_.in_a_while(*this);
}

// False while the connection to the container is being made, or when that failed.
bool TcpRelay::finish_connect() {
    if (connected_) return true;
    int err = 0;
    socklen_t size = sizeof err;
    ::getsockopt(server_.get(), SOL_SOCKET, SO_ERROR, &err, &size);
    if (err != 0) {
        end(true);
        return false;
    }
    sockaddr_storage peer{};
    size = sizeof peer;
    connected_ = ::getpeername(server_.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    return connected_;
}

TcpRelay::Progress TcpRelay::pump(Direction& direction) {
    if (direction.closed) return Progress::waiting;
    for (int round = 0; round < kRoundsPerTurn; ++round) {
        if (direction.in_pipe == 0 && !direction.ended) {
            if (!fill(direction)) {
                if (out_of_descriptors(errno)) return Progress::starved;
                if (!would_block(errno)) return Progress::failed;
                break;
            }
        }
        if (direction.in_pipe > 0 && !drain(direction)) {
            if (!would_block(errno)) return Progress::failed;
            return Progress::waiting;  // keeps its pipe: there are bytes in it
        }
        if (direction.ended && direction.in_pipe == 0) {
            ::shutdown(direction.to, SHUT_WR);
            direction.closed = true;
            break;
        }
        if (round + 1 == kRoundsPerTurn) return Progress::busy;
    }
    if (direction.in_pipe == 0 && direction.pipe.read.valid())
        pipes_.give_back(std::exchange(direction.pipe, {}));
    return Progress::waiting;
}

// Both give false with errno set when the kernel has nothing (EAGAIN) or something against it.
bool TcpRelay::fill(Direction& direction) {
    if (!direction.pipe.read.valid()) {
        try {
            direction.pipe = pipes_.take();
        } catch (const Error& error) {
            errno = error.code();
            return false;
        }
    }
    const ssize_t got = ::splice(direction.from, nullptr, direction.pipe.write.get(), nullptr, kChunk,
                                 SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (got < 0) return false;
    direction.in_pipe = static_cast<std::size_t>(got);
    direction.ended = got == 0;
    return true;
}

bool TcpRelay::drain(Direction& direction) {
    const ssize_t sent = ::splice(direction.pipe.read.get(), nullptr, direction.to, nullptr,
                                  direction.in_pipe, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (sent < 0) return false;
    direction.in_pipe -= static_cast<std::size_t>(sent);
    return true;
}

void TcpRelay::end(bool reset) {
    over_ = true;
    const linger at_once{1, 0};
    for (UniqueFd* socket : {&client_, &server_}) {
        poller_.unwatch(socket->get());
        if (reset) ::setsockopt(socket->get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        socket->reset();
    }
    on_end_(*this);
}

}  // namespace stack::network
