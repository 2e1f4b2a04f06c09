#include "runtime/cgroup_oom.hpp"

#include "runtime/base/error.hpp"
#include "runtime/cgroup_files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>

#include <fmt/format.h>

namespace stack {

namespace {

UniqueFd watch_memory_events(int memory) {
    UniqueFd events{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!events.valid()) throw_errno("make an inotify descriptor");
    // By descriptor: the path of a cgroup may name another one by now.
    const std::string directory = fmt::format("/proc/self/fd/{}", memory);
    if (::inotify_add_watch(events.get(), (directory + "/memory.events").c_str(), IN_MODIFY) < 0)
        throw_errno("watch memory.events");
    // A removed group says nothing itself as long as it is open here; its parent does.
    if (::inotify_add_watch(events.get(), (directory + "/..").c_str(), IN_DELETE) < 0)
        throw_errno("watch the parent of a cgroup");
    return events;
}

UniqueFd listen_to_oom_control(int memory, int control) {
    UniqueFd events{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (!events.valid()) throw_errno("make an eventfd");
    const std::string order = fmt::format("{} {}", events.get(), control);
    if (const int err = cgroup_files::write_at(memory, "cgroup.event_control", order); err != 0)
        throw Error::from_errno(err, "write to cgroup.event_control");
    return events;
}

}  // namespace

std::uint64_t count_oom_kills(int memory, bool v2) {
    const char* file = v2 ? "memory.events" : "memory.oom_control";
    return cgroup_files::keyed_number(cgroup_files::read_at(memory, file), "oom_kill").value_or(0);
}

OomWatch::OomWatch(UniqueFd memory, bool v2) : memory_{std::move(memory)}, v2_{v2} {
    if (!v2_) {
        control_ = cgroup_files::open_below(memory_.get(), "memory.oom_control", O_RDONLY);
        if (!control_.valid()) throw_errno("open memory.oom_control");
    }
    events_ = v2_ ? watch_memory_events(memory_.get()) : listen_to_oom_control(memory_.get(), control_.get());
    seen_ = count_oom_kills(memory_.get(), v2_);
}

OomWatch::News OomWatch::take() {
    alignas(inotify_event) std::array<char, 4096> bytes{};
    bool told = false;
    while (::read(events_.get(), bytes.data(), bytes.size()) > 0) told = true;
    if (errno != EAGAIN) throw_errno("read the notices of the out-of-memory killer");
    if (!still_there()) return News::gone;
    const std::uint64_t now = count_oom_kills(memory_.get(), v2_);
    // v1 counts after it has told: a notice without a count yet is news all the same.
    const bool killed = now > seen_ || (told && !v2_);
    seen_ = now;
    return killed ? News::killed : News::none;
}

bool OomWatch::still_there() const {
    // A removed directory stays open and has no files.
    return ::faccessat(memory_.get(), v2_ ? "memory.events" : "memory.oom_control", F_OK, 0) == 0;
}

}  // namespace stack
