// Where the child and whoever lets it go on speak with each other: the parent over the channel, and at a gate of the
// child's own whoever connects first.
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace stack {

void ChildRunner::send(ChildReport::Kind kind, std::size_t step, int error, int descriptor) noexcept {
    report_.kind = kind;
    report_.step = static_cast<std::uint32_t>(step);
    report_.error = error;
    iovec parts[2] = {{&report_, offsetof(ChildReport, text) + report_.text_size}, {}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 1;
    if (kind == ChildReport::Kind::failed && started_by_stranger_) {
        const std::string& words = in_.program->failure_words[step];
        parts[message.msg_iovlen++] = {const_cast<char*>(words.data()), words.size()};
    }
    AttachedDescriptor attached;
    if (descriptor >= 0) attached.attach(message, descriptor);
    while (::sendmsg(channel_, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) ::_exit(127);  // nobody is left to hear it
    }
}

int ChildRunner::wait_for_parent(SyncPoint point) noexcept {
    ssize_t got;
    do {
        got = ::recv(channel_, in_.scratch, in_.scratch_size, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) ::_exit(127);  // the parent is gone, and this process has no business without it
    std::uint32_t word = 0;
    if (got < static_cast<ssize_t>(sizeof word)) return EPROTO;
    ::memcpy(&word, in_.scratch, sizeof word);
    state_ = {in_.scratch + sizeof word, static_cast<std::size_t>(got) - sizeof word};
    return word == static_cast<std::uint32_t>(point) ? 0 : EPROTO;
}

int ChildRunner::run(const step::AwaitParent& step) noexcept {
    if (step.point == SyncPoint::hooks) send(ChildReport::Kind::at_hooks, step_, 0, -1);
    if (step.visible) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    const int error = wait_for_parent(step.point);
    if (step.visible) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return error;
}

// From `first` on; `kept` in any order, -1 may be among them.
int ChildRunner::close_all_but(int first, const int* kept, std::size_t count) noexcept {
    for (auto next = static_cast<unsigned>(first);;) {
        unsigned lowest = ~0u;
        for (std::size_t i = 0; i < count; ++i)
            if (kept[i] >= static_cast<int>(next)) lowest = std::min(lowest, static_cast<unsigned>(kept[i]));
        if (lowest == ~0u) return result_of(sys::close_range(next, ~0u));
        if (sys::close_range(next, lowest - 1) < 0) return errno;
        next = lowest + 1;
    }
}

int ChildRunner::run(const step::Gate& step) noexcept {
    send(ChildReport::Kind::at_gate, step_, 0, fd(step.terminal));
    constexpr std::size_t kMost = 8;
    int kept[kMost] = {step.start.valid() ? fd(step.start) : channel_};
    std::size_t count = 1;
    for (const Slot slot : step.keep)
        if (slot.valid() && count < kMost) kept[count++] = fd(slot);
    const int end_of_preserved = 3 + step.preserve_fds;  // nothing of ours is below: begin() in launcher.cpp
    if (const int error = close_all_but(end_of_preserved, kept, count)) return error;
    for (int number = 3; number < end_of_preserved; ++number)
        if (::fcntl(number, F_SETFD, 0) < 0) return errno;
    return step.start.valid() ? accept_start(step.start) : wait_for_parent(SyncPoint::gate);
}

// The parent's channel is closed by now, and the parent may be gone. Once only: who comes second finds nobody listening.
int ChildRunner::accept_start(Slot socket) noexcept {
    do {
        channel_ = ::accept4(fd(socket), nullptr, nullptr, SOCK_CLOEXEC);
    } while (channel_ < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (channel_ < 0) ::_exit(127);
    started_by_stranger_ = true;
    close(socket);
    const int error = wait_for_parent(SyncPoint::gate);
    if (error == 0) send(ChildReport::Kind::starting, step_, 0, -1);
    return error;
}

}  // namespace stack
