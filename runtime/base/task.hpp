// The project's front to Boost.Asio: coroutines on one io_context and one thread. Headers of the project
// include this, never <boost/asio.hpp>; see docs/architecture.md for the coroutine rules (GCC 12 has traps).
#pragma once

#include "runtime/base/fd.hpp"

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/awaitable.hpp>

namespace boost::asio {
class io_context;
}

namespace stack {

template <class T = void>
using Task = boost::asio::awaitable<T>;

using Clock = std::chrono::steady_clock;

/// The loop that runs every task of the program. One thread calls `run`.
class EventLoop {
  public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Runs `main` and everything it spawns; returns when it has ended. Rethrows its exception.
    void run(Task<> main);
    /// Runs `work` on the loop's thread soon; callable from any thread.
    void post(std::function<void()> work);
    [[nodiscard]] boost::asio::io_context& context() { return *context_; }

  private:
    std::unique_ptr<boost::asio::io_context> context_;
};

Task<> sleep_for(std::chrono::nanoseconds duration);

/// A descriptor registered with the loop. Owns it.
class AsyncFd {
  public:
    AsyncFd(EventLoop& loop, UniqueFd fd);
    ~AsyncFd();
    AsyncFd(AsyncFd&&) noexcept;
    AsyncFd& operator=(AsyncFd&&) noexcept;
    [[nodiscard]] int get() const;
    /// Until the descriptor is readable (or has hung up). Throws Error(cancelled) when closed or cancelled.
    Task<> readable();
    Task<> writable();
    void close();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Wakes the tasks that wait on it. Not sticky: `wait` returns at the first `notify_all` after it began.
class Signal {
  public:
    explicit Signal(EventLoop& loop);
    ~Signal();
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;
    Task<> wait();
    /// False when `until` passed first.
    Task<bool> wait_until(Clock::time_point until);
    void notify_all();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// Owner of spawned tasks: keeps the first error, cancels and joins. Must be joined before it is destroyed.
class TaskGroup {
  public:
    explicit TaskGroup(EventLoop& loop);
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    void spawn(Task<> task);
    /// Asks every running task to stop (terminal cancellation). A pending co_await in them throws.
    void cancel();
    [[nodiscard]] std::size_t running() const;
    /// Waits for all; rethrows the first error that is not a cancellation.
    Task<> join();
    /// Called on the loop with each failure as it happens.
    void on_error(std::function<void(std::exception_ptr)> handler);

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// Runs `work` on a worker thread and resumes on the loop. Exceptions come back.
Task<> run_blocking(EventLoop& loop, std::function<void()> work);

/// True when `error` says that a task was cancelled.
bool is_cancelled(const std::exception_ptr& error);

}  // namespace stack
