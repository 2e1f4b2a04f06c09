#include "manager/cli/copy_stream.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <unistd.h>

#include <array>

namespace stack::cli {

namespace {

bool ready(int fd, short events) {
    ::pollfd entry{fd, events, 0};
    return ::poll(&entry, 1, 0) > 0;
}

}  // namespace

CopyStream::CopyStream(int from, int to, bool nonblocking_to)
    : from_{from}, to_{to}, nonblocking_to_{nonblocking_to} {}

CopyStream::CopyStream(int from, UniqueFd to) : own_to_{std::move(to)}, from_{from}, to_{own_to_.get()} {
    // Only for a pipe of our own: O_NONBLOCK belongs to the open file, and others share our terminal's.
    set_nonblocking(to_, true);
    nonblocking_to_ = true;
    if (from_ < 0) end();
}

CopyStream::CopyStream(UniqueFd from, int to) : own_from_{std::move(from)}, from_{own_from_.get()}, to_{to} {}

::pollfd CopyStream::wait_to_read() const {
    return {pending_.empty() ? from_ : -1, POLLIN, 0};
}

::pollfd CopyStream::wait_to_write() const {
    return {pending_.empty() ? -1 : to_, POLLOUT, 0};
}

void CopyStream::step() {
    if (!pending_.empty()) write_some();
    if (pending_.empty() && from_ >= 0 && ready(from_, POLLIN) && read_some()) write_some();
}

void CopyStream::drain() {
    while (from_ >= 0 && ready(from_, POLLIN)) {
        if (!read_some()) return;
        write_some();
    }
}

/// False at the end. EIO is how a pty master says that nobody has the other side open.
bool CopyStream::read_some() {
    std::array<char, 64 * 1024> buffer;
    const ssize_t count = ::read(from_, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return false;
    if (count <= 0) {
        end();
        return false;
    }
    pending_.assign(buffer.data(), static_cast<std::size_t>(count));
    return true;
}

void CopyStream::write_some() {
    while (!pending_.empty()) {
        const ssize_t count = ::write(to_, pending_.data(), pending_.size());
        if (count > 0) {
            pending_.erase(0, static_cast<std::size_t>(count));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN && nonblocking_to_) return;
        if (errno == EAGAIN) {  // somebody made our stdout non-blocking
            ::pollfd entry{to_, POLLOUT, 0};
            ::poll(&entry, 1, -1);
            continue;
        }
        pending_.clear();
        end();
        return;
    }
}

void CopyStream::end() {
    from_ = -1;
    own_from_.reset();
    if (own_to_.valid()) to_ = -1;
    own_to_.reset();
}

}  // namespace stack::cli
