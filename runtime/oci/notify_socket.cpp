#include "runtime/oci/notify_socket.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/socket_address.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

namespace stack::oci {

namespace {

constexpr const char* kMountPoint = "/run/notify";
constexpr const char* kSocketName = "notify.sock";

// systemd's socket may be in the abstract namespace, written with a leading @.
void send_datagram(const std::string& to, const std::string& text) {
    const UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    ssize_t sent = -1;
    if (to.starts_with('@')) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::size_t length = std::min(to.size(), sizeof address.sun_path);
        std::memcpy(address.sun_path + 1, to.data() + 1, length - 1);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
        sent = ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr*>(&address), size);
    } else {
        const SocketAddress address{to};
        sent = ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL, address.get(), address.size());
    }
    if (sent < 0) throw_errno(fmt::format("tell NOTIFY_SOCKET {}", to));
}

}  // namespace

std::string notify_socket_of_caller() {
    const char* value = ::getenv("NOTIFY_SOCKET");
    return value != nullptr ? value : "";
}

void add_notify_mount(ContainerSpec& spec, const std::string& directory) {
    // The container's user, whoever that is, has to get through; nobody else comes past the state directory.
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
        throw_errno(fmt::format("make directory {}", directory));
    spec.mounts.push_back({kMountPoint, "bind", directory, {"bind", "nosuid", "noexec", "nodev", "ro"}, ""});
    std::erase_if(spec.process.env,
                  [](const std::string& entry) { return entry.starts_with("NOTIFY_SOCKET="); });
    spec.process.env.push_back(fmt::format("NOTIFY_SOCKET={}/{}", kMountPoint, kSocketName));
}

NotifyRelay::NotifyRelay(const std::string& directory, std::string caller_socket)
    : socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)},
      caller_socket_{std::move(caller_socket)} {
    if (!socket_.valid()) throw_errno("make a socket");
    const std::string path = directory + "/" + kSocketName;
    const SocketAddress address{path};
    ::unlink(path.c_str());  // of an earlier `start` that was killed
    if (::bind(socket_.get(), address.get(), address.size()) != 0) throw_errno(fmt::format("bind {}", path));
    if (::chmod(path.c_str(), 0777) != 0) throw_errno(fmt::format("open {} to the container", path));
}

bool NotifyRelay::relay(pid_t pid) {
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ready_;
        for (const std::string& line : split({buffer.data(), static_cast<std::size_t>(got)}, '\n')) {
            if (line != "READY=1" || ready_) continue;
            send_datagram(caller_socket_, fmt::format("READY=1\nMAINPID={}", pid));
            ready_ = true;
        }
    }
}

void NotifyRelay::wait_for_ready(const ProcessHandle& init) {
    while (!relay(init.pid())) {
        pollfd fds[] = {{socket_.get(), POLLIN, 0}, {init.pidfd(), POLLIN, 0}};
        if (::poll(fds, 2, -1) < 0 && errno != EINTR) throw_errno("wait for the container's READY=1");
        if (fds[1].revents != 0) return static_cast<void>(relay(init.pid()));
    }
}

}  // namespace stack::oci
