#include "tests/support/cutting_proxy.hpp"

#include "runtime/base/error.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace stack::test {

namespace {

UniqueFd make_socket() {
    UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    return socket;
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool send_all(int socket, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

// The client sees a reset, not an orderly end.
void reset_connection(int socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

CuttingProxy::CuttingProxy(std::uint16_t port, Cut cut)
    : server_port_{port}, cut_{std::move(cut)}, listener_{make_socket()} {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw_errno("listen on a loopback port");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] { accept_connections(); }};
}

CuttingProxy::~CuttingProxy() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        for (const Connection& connection : connections_) {
            ::shutdown(connection.client.get(), SHUT_RDWR);
            ::shutdown(connection.server.get(), SHUT_RDWR);
        }
        changed_.notify_all();
    }
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (Connection& connection : connections_) connection.thread.join();
}

std::string CuttingProxy::host() const {
    return fmt::format("127.0.0.1:{}", port_);
}

int CuttingProxy::cuts() const {
    const std::lock_guard lock{mutex_};
    return cuts_;
}

void CuttingProxy::hold_after(std::uint64_t bytes) {
    const std::lock_guard lock{mutex_};
    hold_after_ = bytes;
}

void CuttingProxy::release() {
    const std::lock_guard lock{mutex_};
    hold_after_.reset();
    changed_.notify_all();
}

bool CuttingProxy::wait_until_held() const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{30}, [this] { return held_ > 0; });
}

void CuttingProxy::after(std::uint64_t bytes, std::function<void()> act) {
    const std::lock_guard lock{mutex_};
    act_after_ = bytes;
    act_ = std::move(act);
}

void CuttingProxy::accept_connections() {
    for (;;) {
        UniqueFd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        const std::lock_guard lock{mutex_};
        if (stopping_ || !client.valid()) return;
        Connection& connection = connections_.emplace_back();
        connection.client = std::move(client);
        connection.server = make_socket();
        if (cut_) connection.cut_after = cut_();
        connection.thread = std::thread{[this, &connection] { serve(connection); }};
    }
}

void CuttingProxy::serve(Connection& connection) {
    const sockaddr_in address = loopback(server_port_);
    const int client = connection.client.get(), server = connection.server.get();
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::shutdown(client, SHUT_RDWR);
        return;
    }
    std::array<char, 8192> buffer;
    std::uint64_t passed = 0;
    for (;;) {
        std::array<pollfd, 2> polled{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
        if (::poll(polled.data(), polled.size(), -1) < 0) continue;
        if (polled[0].revents != 0) {
            const ssize_t got = ::read(client, buffer.data(), buffer.size());
            if (got <= 0 || !send_all(server, buffer.data(), static_cast<std::size_t>(got))) break;
        }
        if (polled[1].revents == 0) continue;
        std::size_t want = buffer.size();
        if (connection.cut_after)
            want = static_cast<std::size_t>(std::min<std::uint64_t>(want, *connection.cut_after - passed));
        const ssize_t got = ::read(server, buffer.data(), allow(passed, want));
        if (got <= 0 || !send_all(client, buffer.data(), static_cast<std::size_t>(got))) break;
        passed += static_cast<std::uint64_t>(got);
        count(static_cast<std::size_t>(got));
        if (connection.cut_after && passed == *connection.cut_after) {
            const std::lock_guard lock{mutex_};
            ++cuts_;
            reset_connection(client);
            connection.client.reset();
            break;
        }
    }
    const std::lock_guard lock{mutex_};  // the destructor shuts down what is still open
    connection.client.reset();
    connection.server.reset();
}

std::size_t CuttingProxy::allow(std::uint64_t passed, std::size_t wanted) {
    std::unique_lock lock{mutex_};
    if (hold_after_ && passed >= *hold_after_) {
        ++held_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !hold_after_ || stopping_; });
        --held_;
    }
    return wanted;
}

void CuttingProxy::count(std::size_t bytes) {
    std::function<void()> act;
    {
        const std::lock_guard lock{mutex_};
        if (!act_) return;
        act_after_ -= std::min<std::uint64_t>(act_after_, bytes);
        if (act_after_ > 0) return;
        act = std::exchange(act_, nullptr);
    }
    act();
}

}  // namespace stack::test
