#include "manager/control/control_client.hpp"

#include "manager/control/protocol.hpp"
#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

namespace stack::control {

namespace {

/// sun_path holds 107 bytes; a longer path is reached through its directory's descriptor.
sockaddr_un socket_address(const std::string& path, UniqueFd& directory) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string name = path;
    if (name.size() >= sizeof address.sun_path) {
        const std::size_t slash = path.rfind('/');
        directory.reset(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        name = fmt::format("/proc/self/fd/{}/{}", directory.get(), path.substr(slash + 1));
    }
    if (name.size() >= sizeof address.sun_path)
        throw Error{ErrorKind::invalid_input, fmt::format("socket path is too long: {}", path)};
    std::memcpy(address.sun_path, name.data(), name.size());
    return address;
}

/// The run directory is private to its owner, so another user at the other end means a planted socket.
void check_peer(int socket, const std::string& path) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        throw_errno("read the peer's credentials");
    if (peer.uid != ::geteuid() && peer.uid != 0)
        throw Error{ErrorKind::permission,
                    fmt::format("'{}' is served by user {}, not by you", path, peer.uid)};
}

/// Like write_all, but a peer that has gone is an Error and not a SIGPIPE.
void send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            throw_errno("send the request to the supervisor");
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

/// The server's own words about a request that it refused: the body is a ResultEvent.
Error error_of_answer(int status, const std::string& body) {
    try {
        const StreamEvent event = parse_stream_event(body);
        const auto* result = std::get_if<ResultEvent>(&event);
        if (result && !result->errors.empty()) return result->errors.front();
    } catch (const Error&) {  // not from our server: the status has to do
    }
    return Error{ErrorKind::failed, fmt::format("the supervisor answered with HTTP status {}", status)};
}

}  // namespace

std::optional<ControlConnection> ControlConnection::connect(const std::string& socket_path) {
    UniqueFd directory;
    const sockaddr_un address = socket_address(socket_path, directory);
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int err = errno;
        if (err == EINTR) continue;
        if (err == ENOENT || err == ECONNREFUSED || err == ENOTDIR) return std::nullopt;
        throw Error::from_errno(err, fmt::format("connect to '{}'", socket_path));
    }
    check_peer(socket.get(), socket_path);
    return ControlConnection{std::move(socket)};
}

void ControlConnection::send_request(std::string_view method, std::string_view target,
                                     std::string_view json_body, std::string_view upgrade) {
    std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: stack\r\n", method, target);
    if (upgrade.empty())
        head += "Connection: close\r\n";
    else
        head += fmt::format("Connection: Upgrade\r\nUpgrade: {}\r\n", upgrade);
    if (!json_body.empty())
        head += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", json_body.size());
    head += "\r\n";
    head += json_body;
    send_all(socket_.get(), head);
}

bool ControlConnection::receive() {
    if (parser_.complete() || broken_) return false;
    // Descriptors are always received: an upgraded protocol's first message may come together with the headers.
    ReceivedMessage message;
    try {
        message = receive_with_fds(socket_.get(), 64 * 1024);
    } catch (const Error& error) {
        if (error.code() != ECONNRESET) throw;  // reset: the supervisor was killed
    }
    for (UniqueFd& fd : message.fds) fds_.push_back(std::move(fd));
    if (message.bytes.empty()) {
        try {
            parser_.feed_end();
        } catch (const Error&) {
            broken_ = true;
        }
        return false;
    }
    parser_.feed({reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()});
    return true;
}

void ControlConnection::expect_status(int expected) {
    while (!parser_.headers_complete() && receive()) {
    }
    if (!parser_.headers_complete())
        throw Error{ErrorKind::failed, "the supervisor closed the connection without an answer"};
    if (parser_.status() == expected) return;
    throw error_of_answer(parser_.status(), read_body());
}

std::string ControlConnection::read_body() {
    std::string body;
    while (receive()) body += parser_.take_body();
    body += parser_.take_body();
    if (broken_)
        throw Error{ErrorKind::failed, "the supervisor closed the connection in the middle of its answer"};
    return body;
}

ControlConnection::Upgraded ControlConnection::take_upgraded() && {
    return {std::move(socket_), parser_.take_rest(), std::move(fds_)};
}

std::optional<std::string> get(const std::string& socket_path, std::string_view target) {
    std::optional<ControlConnection> connection = ControlConnection::connect(socket_path);
    if (!connection) return std::nullopt;
    connection->send_request("GET", target);
    connection->expect_status(200);
    return connection->read_body();
}

}  // namespace stack::control
