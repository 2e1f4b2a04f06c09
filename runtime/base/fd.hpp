// Owned file descriptors and the few calls on them that every layer needs. Every open uses O_CLOEXEC.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack {

/// Owner of one descriptor. Moves, never copies; move-assign closes the old one.
class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_{fd} {}
    UniqueFd(UniqueFd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1);
    /// A second owner of the same open file (F_DUPFD_CLOEXEC). Throws Error.
    [[nodiscard]] UniqueFd duplicate() const;

  private:
    int fd_ = -1;
};

/// A second owner of a descriptor that somebody else owns. Throws Error.
[[nodiscard]] UniqueFd duplicate_fd(int fd);

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};
/// Throws Error. `flags` are added to O_CLOEXEC.
Pipe make_pipe(int flags = 0);

struct SocketPair {
    UniqueFd a;
    UniqueFd b;
};
/// AF_UNIX pair of `type` (SOCK_STREAM, SOCK_SEQPACKET), close-on-exec. Throws Error.
SocketPair make_socket_pair(int type);

/// Writes all of it; EINTR is retried. Throws Error naming `what`.
void write_all(int fd, std::string_view bytes, std::string_view what);
/// Reads until end of file, at most `limit` bytes (more is an Error). Throws Error naming `what`.
std::string read_all(int fd, std::string_view what, std::size_t limit = 64u << 20);

/// Sends `bytes` with descriptors (at most 250) as one message, MSG_NOSIGNAL. Throws Error.
void send_with_fds(int socket, std::span<const std::byte> bytes, std::span<const int> fds);
struct ReceivedMessage {
    std::vector<std::byte> bytes;  ///< empty at end of file
    std::vector<UniqueFd> fds;
};
/// One message of at most `limit` bytes, descriptors close-on-exec. Throws Error (EAGAIN included).
ReceivedMessage receive_with_fds(int socket, std::size_t limit);

void set_nonblocking(int fd, bool on);

}  // namespace stack
