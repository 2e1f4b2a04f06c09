#include "tests/support/http_client.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "tests/support/eventually.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace stack::test {

namespace {

using Clock = std::chrono::steady_clock;

bool wait_for(int fd, short events, Clock::time_point until) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd entry{fd, events, 0};
    return left > 0 && ::poll(&entry, 1, static_cast<int>(left)) == 1;
}

UniqueFd connect_to(const std::string& address, std::uint16_t port, Clock::time_point until,
                    std::string& error) {
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    const bool is_v6 = address.find(':') != std::string::npos;
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr);
    ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
    UniqueFd fd{::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const auto* name =
        is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
    const socklen_t size = is_v6 ? sizeof v6 : sizeof v4;
    int err = ::connect(fd.get(), name, size) == 0 ? 0 : errno;
    if (err == EINPROGRESS) {
        if (!wait_for(fd.get(), POLLOUT, until)) {
            error = "connect: no answer in time";
            return {};
        }
        socklen_t length = sizeof err;
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &err, &length);
    }
    if (err != 0) {
        error = "connect: " + errno_text(err);
        return {};
    }
    return fd;
}

}  // namespace

HttpAnswer http_get(const std::string& address, std::uint16_t port, const std::string& path,
                    std::chrono::milliseconds limit) {
    HttpAnswer answer;
    const auto until = Clock::now() + limit;
    const UniqueFd fd = connect_to(address, port, until, answer.error);
    if (!fd.valid()) return answer;
    const std::string request =
        "GET " + path + " HTTP/1.0\r\nHost: " + address + "\r\nConnection: close\r\n\r\n";
    if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
        answer.error = "send: " + errno_text(errno);
        return answer;
    }
    std::string all;
    for (char buffer[65536];;) {
        if (!wait_for(fd.get(), POLLIN, until)) {
            answer.error = "no answer in time";
            return answer;
        }
        const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (got < 0) answer.error = "recv: " + errno_text(errno);
        if (got <= 0) break;
        all.append(buffer, static_cast<std::size_t>(got));
    }
    if (all.compare(0, 5, "HTTP/") == 0) answer.status = std::atoi(all.c_str() + all.find(' ') + 1);
    const std::size_t end = all.find("\r\n\r\n");
    if (end != std::string::npos) answer.body = all.substr(end + 4);
    return answer;
}

HttpAnswer http_get_once_up(const std::string& address, std::uint16_t port) {
    HttpAnswer answer;
    eventually([&] {
        answer = http_get(address, port);
        return answer.status != 0;
    });
    return answer;
}

SilentPort::SilentPort() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    socklen_t size = sizeof name;
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0 ||
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0)
        throw_errno("find a free port");
    number_ = ntohs(name.sin_port);
}

}  // namespace stack::test
