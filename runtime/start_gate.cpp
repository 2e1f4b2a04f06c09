// The other side of a start socket: any process that may reach it lets the container go on, once.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/socket_address.hpp"
#include "runtime/launch_error.hpp"
#include "runtime/launcher.hpp"
#include "runtime/pending_process.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <fmt/format.h>

namespace stack {

namespace {

Error nobody_listens() {
    return {ErrorKind::conflict, "the container has been started already, or has ended"};
}

UniqueFd connect_to(const std::string& path) {
    UniqueFd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    const SocketAddress address{path};
    if (::connect(socket.get(), address.get(), address.size()) == 0) return socket;
    if (errno == ECONNREFUSED || errno == ENOENT) throw nobody_listens();
    throw_errno(fmt::format("connect to {}", path));
}

Error error_of_message(const ReceivedMessage& message) {
    ChildReport report;
    std::memcpy(&report, message.bytes.data(), std::min(message.bytes.size(), sizeof report));
    const std::size_t words_at = offsetof(ChildReport, text) + report.text_size;
    const char* bytes = reinterpret_cast<const char*>(message.bytes.data());
    if (words_at > message.bytes.size())
        return {ErrorKind::internal, "the starting process sent half a report"};
    // What follows the text in the struct is the words' beginning.
    std::fill(report.text + report.text_size, report.text + ChildReport::kTextSize, '\0');
    return error_of_words(report, {bytes + words_at, message.bytes.size() - words_at});
}

}  // namespace

void start_through(const std::string& path, std::string_view state_json) {
    const std::string go = sync_message(SyncPoint::gate, state_json);
    const UniqueFd socket = connect_to(path);
    if (::send(socket.get(), go.data(), go.size(), MSG_NOSIGNAL) < 0) {
        if (errno == EPIPE || errno == ECONNRESET) throw nobody_listens();
        throw_errno("talk to the starting process");
    }
    constexpr std::size_t kMostWords = std::size_t{1} << 20;
    for (bool starting = false, executing = false;;) {
        ReceivedMessage message;
        try {
            message = receive_with_fds(socket.get(), sizeof(ChildReport) + kMostWords);
        } catch (const Error& error) {
            if (error.code() != ECONNRESET) throw;
        }
        if (message.bytes.empty()) {
            if (executing) return;
            if (!starting) throw nobody_listens();
            throw Error{ErrorKind::failed, "the process ended while it was being started"};
        }
        ChildReport::Kind kind{};
        std::memcpy(&kind, message.bytes.data(), std::min(message.bytes.size(), sizeof kind));
        if (kind == ChildReport::Kind::failed) throw error_of_message(message);
        starting = true;
        executing |= kind == ChildReport::Kind::executing;
    }
}

}  // namespace stack
