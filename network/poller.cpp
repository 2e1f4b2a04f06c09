#include "network/poller.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace stack::network {

namespace {
constexpr std::chrono::milliseconds kWhile{50};
}

Poller::Poller() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    if (!epoll_.valid()) throw_errno("create epoll");
}

void Poller::watch(int fd, std::uint32_t events, Pollable& owner) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &owner;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("watch descriptor");
}

void Poller::unwatch(int fd) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::bury(std::unique_ptr<Pollable> owner) {
    again_.erase(owner.get());
    later_.erase(owner.get());
    dead_.insert(owner.get());
    graves_.push_back(std::move(owner));
}

void Poller::run_once(std::chrono::milliseconds limit) {
    std::array<epoll_event, 64> events;
    if (!later_.empty()) limit = std::min(limit, kWhile);
    const int timeout = again_.empty() ? static_cast<int>(limit.count()) : 0;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    if (count < 0 && errno != EINTR) throw_errno("wait for events");
    std::unordered_set<Pollable*> again = std::exchange(again_, {});
    if (const auto now = std::chrono::steady_clock::now(); now - later_checked_ >= kWhile) {
        again.merge(std::exchange(later_, {}));
        later_checked_ = now;
    }
    const auto call = [&](Pollable* owner, std::uint32_t happened) {
        if (!dead_.contains(owner)) owner->on_ready(happened);
    };
    for (const epoll_event& event : std::span{events}.first(static_cast<std::size_t>(std::max(count, 0))))
        call(static_cast<Pollable*>(event.data.ptr), event.events);
    for (Pollable* owner : again) call(owner, 0);
    // Only now: this round's events may have named somebody twice.
    graves_.clear();
    dead_.clear();
}

}  // namespace stack::network
