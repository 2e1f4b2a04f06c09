// A small epoll loop of plain objects, for data planes that have a thread of their own (port_proxy). Not for policy:
// that runs on EventLoop. Edge-triggered: an object reads and writes until the kernel says EAGAIN, or asks for
// another turn.
#pragma once

#include "runtime/base/fd.hpp"

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

namespace stack::network {

class Pollable {
  public:
    virtual ~Pollable() = default;
    /// Something happened on one of the object's descriptors (`events` as epoll says), or it asked for another turn
    /// (0).
    virtual void on_ready(std::uint32_t events) = 0;
};

class Poller {
  public:
    /// Throws Error.
    Poller();

    /// Throws Error (ENOSPC: the user's limit of watches).
    void watch(int fd, std::uint32_t events, Pollable& owner);
    void unwatch(int fd);
    /// Calls `owner` again before the next wait.
    void once_more(Pollable& owner) { again_.insert(&owner); }
    /// The same some 50 ms later: for what waits until descriptors are free again.
    void in_a_while(Pollable& owner) { later_.insert(&owner); }
    /// Destroys `owner` when nothing can call it any more. Its descriptors are closed or unwatched by then.
    void bury(std::unique_ptr<Pollable> owner);

    /// One round: waits at most `limit`, then calls whoever has something to do.
    void run_once(std::chrono::milliseconds limit);

  private:
    UniqueFd epoll_;
    std::unordered_set<Pollable*> again_;
    std::unordered_set<Pollable*> later_;
    std::chrono::steady_clock::time_point later_checked_;
    std::unordered_set<Pollable*> dead_;
    std::vector<std::unique_ptr<Pollable>> graves_;
};

}  // namespace stack::network
