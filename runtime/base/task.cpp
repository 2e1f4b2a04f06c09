#include "runtime/base/task.hpp"

#include "runtime/base/error.hpp"

#include <list>
#include <thread>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stack {

namespace asio = boost::asio;

namespace {
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

[[noreturn]] void throw_system(const boost::system::error_code& code, const char* what) {
    if (code == asio::error::operation_aborted) throw Error{ErrorKind::cancelled, "cancelled"};
    throw Error::from_errno(code.value(), what);
}
}  // namespace

EventLoop::EventLoop() : context_{std::make_unique<asio::io_context>(1)} {}
EventLoop::~EventLoop() = default;

void EventLoop::run(Task<> main) {
    std::exception_ptr failure;
    asio::co_spawn(*context_, std::move(main), [&failure](std::exception_ptr error) { failure = error; });
    context_->restart();
    context_->run();
    if (failure) std::rethrow_exception(failure);
}

void EventLoop::post(std::function<void()> work) {
    asio::post(*context_, std::move(work));
}

Task<> sleep_for(std::chrono::nanoseconds duration) {
    asio::steady_timer timer{co_await asio::this_coro::executor};
    timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(duration));
    const auto [code] = co_await timer.async_wait(kTuple);
    if (code) throw_system(code, "wait");
}

struct AsyncFd::Impl {
    asio::posix::stream_descriptor descriptor;
};

AsyncFd::AsyncFd(EventLoop& loop, UniqueFd fd)
    : impl_{std::make_unique<Impl>(Impl{asio::posix::stream_descriptor{loop.context(), fd.get()}})} {
    static_cast<void>(fd.release());
}
AsyncFd::~AsyncFd() = default;
AsyncFd::AsyncFd(AsyncFd&&) noexcept = default;
AsyncFd& AsyncFd::operator=(AsyncFd&&) noexcept = default;

int AsyncFd::get() const {
    return impl_->descriptor.native_handle();
}

Task<> AsyncFd::readable() {
    const auto [code] =
        co_await impl_->descriptor.async_wait(asio::posix::descriptor_base::wait_read, kTuple);
    if (code) throw_system(code, "wait for a readable descriptor");
}

Task<> AsyncFd::writable() {
    const auto [code] =
        co_await impl_->descriptor.async_wait(asio::posix::descriptor_base::wait_write, kTuple);
    if (code) throw_system(code, "wait for a writable descriptor");
}

void AsyncFd::close() {
    boost::system::error_code ignored;
    impl_->descriptor.close(ignored);
}

// A timer that never expires by itself; cancelling it wakes the waiters.
struct Signal::Impl {
    asio::io_context& context;
    std::list<asio::steady_timer*> waiters;
};

Signal::Signal(EventLoop& loop) : impl_{std::make_shared<Impl>(Impl{loop.context(), {}})} {}
Signal::~Signal() = default;

Task<> Signal::wait() {
    static_cast<void>(co_await wait_until(Clock::time_point::max()));
}

Task<bool> Signal::wait_until(Clock::time_point until) {
    const std::shared_ptr<Impl> impl = impl_;
    asio::steady_timer timer{impl->context, until};
    const auto place = impl->waiters.insert(impl->waiters.end(), &timer);
    const auto [code] = co_await timer.async_wait(kTuple);
    const auto state = co_await asio::this_coro::cancellation_state;
    bool notified = true;
    for (auto it = impl->waiters.begin(); it != impl->waiters.end(); ++it) {
        if (*it ==
            &timer) {  // notify_all takes every waiter out, so being here still means time or cancellation
            impl->waiters.erase(place);
            notified = false;
            break;
        }
    }
    if (!notified && code) throw Error{ErrorKind::cancelled, "cancelled"};
    if (state.cancelled() != asio::cancellation_type::none) throw Error{ErrorKind::cancelled, "cancelled"};
    co_return notified;
}

void Signal::notify_all() {
    std::list<asio::steady_timer*> waiters;
    waiters.swap(impl_->waiters);
    for (asio::steady_timer* timer : waiters) timer->cancel();
}

struct TaskGroup::Impl {
    explicit Impl(EventLoop& loop) : context{loop.context()}, ended{loop} {}
    asio::io_context& context;
    Signal ended;
    std::list<asio::cancellation_signal> signals;
    std::exception_ptr first_error;
    std::function<void(std::exception_ptr)> error_handler;
};

TaskGroup::TaskGroup(EventLoop& loop) : impl_{std::make_shared<Impl>(loop)} {}
TaskGroup::~TaskGroup() {
    cancel();
}

void TaskGroup::spawn(Task<> task) {
    const std::shared_ptr<Impl> impl = impl_;
    const auto place = impl->signals.emplace(impl->signals.end());
    auto on_end = [impl, place](std::exception_ptr error) {
        impl->signals.erase(place);
        if (error && !is_cancelled(error)) {
            if (!impl->first_error) impl->first_error = error;
            if (impl->error_handler) impl->error_handler(error);
        }
        impl->ended.notify_all();
    };
    asio::co_spawn(impl->context, std::move(task),
                   asio::bind_cancellation_slot(place->slot(), std::move(on_end)));
}

void TaskGroup::cancel() {
    // Emission may end a task synchronously and erase its signal: posted, one by one, with the group kept
    // alive.
    std::vector<asio::cancellation_signal*> all;
    for (asio::cancellation_signal& signal : impl_->signals) all.push_back(&signal);
    const std::shared_ptr<Impl> impl = impl_;
    asio::post(impl->context, [impl, all = std::move(all)] {
        for (asio::cancellation_signal* wanted : all) {
            for (asio::cancellation_signal& signal : impl->signals) {
                if (&signal != wanted) continue;
                signal.emit(asio::cancellation_type::terminal);
                break;
            }
        }
    });
}

std::size_t TaskGroup::running() const {
    return impl_->signals.size();
}

Task<> TaskGroup::join() {
    const std::shared_ptr<Impl> impl = impl_;
    while (!impl->signals.empty()) co_await impl->ended.wait();
    if (impl->first_error) std::rethrow_exception(std::exchange(impl->first_error, nullptr));
}

void TaskGroup::on_error(std::function<void(std::exception_ptr)> handler) {
    impl_->error_handler = std::move(handler);
}

namespace {
asio::thread_pool& workers() {
    static asio::thread_pool pool{4};
    return pool;
}
}  // namespace

Task<> run_blocking(EventLoop& loop, std::function<void()> work) {
    // The operation ignores the cancellation slot on purpose: the work may hold references of the caller.
    auto initiate = [](auto handler, asio::io_context* context, std::function<void()> job) {
        using Handler = decltype(handler);
        auto shared = std::make_shared<Handler>(std::move(handler));
        asio::post(workers(), [shared, context, job = std::move(job),
                               guard = asio::make_work_guard(*context)]() mutable {
            std::exception_ptr error;
            try {
                job();
            } catch (...) {
                error = std::current_exception();
            }
            asio::post(*context, [shared = std::move(shared), error] { std::move (*shared)(error); });
        });
    };
    asio::io_context* context = &loop.context();
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        std::move(initiate), asio::use_awaitable, context, std::move(work));
}

bool is_cancelled(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Error& e) {
        return e.kind() == ErrorKind::cancelled;
    } catch (const boost::system::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

}  // namespace stack
