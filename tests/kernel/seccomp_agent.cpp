#include "tests/kernel/seccomp_agent.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace stack::test {

SeccompAgent::SeccompAgent(std::string path, std::map<int, int> refused)
    : path_{std::move(path)}, refused_{std::move(refused)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 4) != 0)
        throw_errno("make the agent's socket");
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) throw_errno("make a pipe");
    stop_.reset(pipe[0]);
    stop_writer_.reset(pipe[1]);
    thread_ = std::thread{[this] { serve(); }};
}

SeccompAgent::~SeccompAgent() {
    stop_writer_.reset();
    if (thread_.joinable()) thread_.join();
    ::unlink(path_.c_str());
}

void SeccompAgent::finish() {
    if (thread_.joinable()) thread_.join();
}

void SeccompAgent::serve() {
    pollfd waiting[2] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {
    }
    if ((waiting[0].revents & POLLIN) == 0) return;
    const UniqueFd connection{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    ReceivedMessage message = receive_with_fds(connection.get(), 1 << 16);
    document_.assign(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
    if (message.fds.size() == 1) decide(message.fds.front().get());
}

void SeccompAgent::decide(int listener) {
    for (;;) {
        pollfd waiting[2] = {{listener, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
        if ((waiting[0].revents & POLLIN) == 0) {
            if (waiting[0].revents != 0 || waiting[1].revents != 0) return;  // nobody is filtered any more
            continue;
        }
        seccomp_notif request{};
        if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;  // it was killed meanwhile
        calls_.push_back(request.data.nr);
        seccomp_notif_resp response{};
        response.id = request.id;
        const auto refused = refused_.find(request.data.nr);
        if (refused != refused_.end())
            response.error = -refused->second;
        else
            response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
}

}  // namespace stack::test
