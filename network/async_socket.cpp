#include "network/async_socket.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stack::network {

namespace asio = boost::asio;

namespace {
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
}

struct AsyncSocket::Impl {
    asio::posix::stream_descriptor descriptor;
    asio::steady_timer timer;
    std::uint64_t wait = 0;  // which wait a timer was set for
    bool expired = false;

    Impl(asio::io_context& context, int fd) : descriptor{context, fd}, timer{context} {}
};

AsyncSocket::AsyncSocket(EventLoop& loop, UniqueFd fd)
    : impl_{std::make_shared<Impl>(loop.context(), fd.get())} {
    static_cast<void>(fd.release());
}

AsyncSocket::~AsyncSocket() {
    close();
}

int AsyncSocket::get() const {
    return impl_->descriptor.native_handle();
}

void AsyncSocket::close() {
    boost::system::error_code ignored;
    impl_->descriptor.close(ignored);
    impl_->timer.cancel();
}

Task<bool> AsyncSocket::ready(Direction direction, Clock::time_point until) {
    const std::shared_ptr<Impl> impl = impl_;
    const std::uint64_t wait = ++impl->wait;
    impl->expired = false;
    if (until != Clock::time_point::max()) {
        impl->timer.expires_at(until);
        impl->timer.async_wait([impl, wait](const boost::system::error_code& code) {
            if (code || impl->wait != wait) return;  // a late timer must not end the next wait
            impl->expired = true;
            boost::system::error_code ignored;
            impl->descriptor.cancel(ignored);
        });
    }
    using Wait = asio::posix::descriptor_base;
    const auto what = direction == Direction::read ? Wait::wait_read : Wait::wait_write;
    const auto [code] = co_await impl->descriptor.async_wait(what, kTuple);
    const bool expired = impl->expired;
    ++impl->wait;
    impl->timer.cancel();
    if (!code) co_return true;
    if (expired && impl->descriptor.is_open()) co_return false;
    throw Error{ErrorKind::cancelled, "cancelled"};
}

Task<bool> AsyncSocket::readable(Clock::time_point until) {
    return ready(Direction::read, until);
}

Task<bool> AsyncSocket::writable(Clock::time_point until) {
    return ready(Direction::write, until);
}

Task<bool> AsyncSocket::read_exactly(std::span<std::uint8_t> bytes, Clock::time_point until) {
    while (!bytes.empty()) {
        const ssize_t got = ::recv(get(), bytes.data(), bytes.size(), 0);
        if (got > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(got));
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) co_return false;
        const bool more = co_await readable(until);
        if (!more) co_return false;
    }
    co_return true;
}

Task<bool> AsyncSocket::write_all(std::span<const std::uint8_t> bytes, Clock::time_point until) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) co_return false;
        const bool more = co_await writable(until);
        if (!more) co_return false;
    }
    co_return true;
}

}  // namespace stack::network
