// A socket on the loop whose waits end at a deadline. Internal to the DNS parts.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/base/task.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace stack::network {

class AsyncSocket {
  public:
    /// Takes a non-blocking socket.
    AsyncSocket(EventLoop& loop, UniqueFd fd);
    ~AsyncSocket();
    AsyncSocket(const AsyncSocket&) = delete;
    AsyncSocket& operator=(const AsyncSocket&) = delete;

    [[nodiscard]] int get() const;
    /// False when `until` came first. Throws Error(cancelled) when closed or cancelled.
    Task<bool> readable(Clock::time_point until);
    Task<bool> writable(Clock::time_point until);
    /// All of the bytes; false at end of file, on errors of the peer, and at `until`. The span must outlive the task.
    Task<bool> read_exactly(std::span<std::uint8_t> bytes, Clock::time_point until);
    Task<bool> write_all(std::span<const std::uint8_t> bytes, Clock::time_point until);
    /// Whoever waits gets Error(cancelled).
    void close();

  private:
    enum class Direction { read, write };
    Task<bool> ready(Direction direction, Clock::time_point until);
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace stack::network
