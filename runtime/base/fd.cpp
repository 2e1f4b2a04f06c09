#include "runtime/base/fd.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include <fmt/format.h>

namespace stack {

void UniqueFd::reset(int fd) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);  // Linux closes even on EINTR: never retried
}

UniqueFd duplicate_fd(int fd) {
    UniqueFd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    if (!copy.valid()) throw_errno("duplicate descriptor");
    return copy;
}

UniqueFd UniqueFd::duplicate() const {
    return duplicate_fd(fd_);
}

Pipe make_pipe(int flags) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), flags | O_CLOEXEC) != 0) throw_errno("create pipe");
    return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

SocketPair make_socket_pair(int type) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_errno("create socket pair");
    return SocketPair{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

void write_all(int fd, std::string_view bytes, std::string_view what) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done < 0) {
            if (errno == EINTR) continue;
            throw_errno(fmt::format("write {}", what));
        }
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
}

std::string read_all(int fd, std::string_view what, std::size_t limit) {
    std::string result;
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0) {
            if (errno == EINTR) continue;
            throw_errno(fmt::format("read {}", what));
        }
        if (got == 0) return result;
        result.append(buffer.data(), static_cast<std::size_t>(got));
        if (result.size() > limit)
            throw Error{ErrorKind::invalid_input, fmt::format("{} is larger than {} bytes", what, limit)};
    }
}

namespace {
constexpr std::size_t kMaxFds = 250;  // SCM_MAX_FD is 253
struct ControlBuffer {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> bytes{};
};
}  // namespace

void send_with_fds(int socket, std::span<const std::byte> bytes, std::span<const int> fds) {
    if (fds.size() > kMaxFds) throw Error{ErrorKind::internal, "too many descriptors for one message"};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    ControlBuffer control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        ::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) throw_errno("send message");
    }
}

ReceivedMessage receive_with_fds(int socket, std::size_t limit) {
    ReceivedMessage result;
    result.bytes.resize(limit);
    iovec part{result.bytes.data(), result.bytes.size()};
    ControlBuffer control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    ssize_t got;
    do {
        got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) throw_errno("receive message");
    result.bytes.resize(static_cast<std::size_t>(got));
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd;
            ::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            result.fds.emplace_back(fd);
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        throw Error{ErrorKind::failed, "received a truncated message"};
    return result;
}

void set_nonblocking(int fd, bool on) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
        throw_errno("set descriptor flags");
}

}  // namespace stack
