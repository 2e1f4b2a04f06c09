#include "runtime/image/interrupts.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>

namespace stack::image {

namespace {

constexpr int kFreeSlot = -1;

// Pidfds, so that a recycled pid is never hit. Read by the handler: lock-free atomics.
std::array<std::atomic<int>, 8> watched_children{kFreeSlot, kFreeSlot, kFreeSlot, kFreeSlot,
                                                 kFreeSlot, kFreeSlot, kFreeSlot, kFreeSlot};
std::atomic<bool> interrupt_came = false;

void on_interrupt(int) {
    const int saved = errno;
    interrupt_came = true;
    for (const std::atomic<int>& child : watched_children)
        if (const int pidfd = child; pidfd != kFreeSlot)
            ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
    errno = saved;
}

}  // namespace

void watch_interrupts() {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        if (::sigaction(number, &action, nullptr) != 0) throw_errno("watch for interrupts");
}

KillOnInterrupt::KillOnInterrupt(const ProcessHandle& child) {
    for (; slot_ < watched_children.size(); ++slot_) {
        int free = kFreeSlot;
        if (!watched_children[slot_].compare_exchange_strong(free, child.pidfd())) continue;
        // One that came between the fork and here.
        if (interrupt_came) child.signal(SIGKILL);
        return;
    }
    throw Error{ErrorKind::internal, "too many children to watch"};
}

KillOnInterrupt::~KillOnInterrupt() {
    watched_children[slot_] = kFreeSlot;
}

bool interrupted() {
    return interrupt_came;
}

}  // namespace stack::image
