// Installs a filter with a listener, and hands the listener to its agent.
//
// From the moment of installation every call of the filtered thread may be notified, sendmsg(2) too: it would wait for an
// agent that has no listener yet. So a second thread, which the filter doesn't apply to, does the sending. They meet in
// memory: any call of the first one might be refused, or kill it. The second is gone before exec.
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

namespace stack {

namespace {

constexpr int kUnknown = -1, kNothing = -2;

struct HandOver {
    int agent;
    const SharedText::Content* text;
    std::atomic<int> listener{kUnknown};  ///< from the filtered thread; kNothing: there is none
    std::atomic<int> result{kUnknown};    ///< from the helper: 0 or an errno
};

int send_listener(const HandOver& hand_over, int listener) noexcept {
    iovec text{const_cast<char*>(hand_over.text->text), hand_over.text->size};
    msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    AttachedDescriptor attached;
    attached.attach(message, listener);
    ssize_t sent;
    do {
        sent = ::sendmsg(hand_over.agent, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return errno;
    return static_cast<std::size_t>(sent) == text.iov_len ? 0 : EMSGSIZE;
}

// The helper. It shares libc's errno with the other thread, which makes no call while this one does.
int hand_over_in_helper(void* argument) {
    auto& hand_over = *static_cast<HandOver*>(argument);
    int listener;
    while ((listener = hand_over.listener.load(std::memory_order_acquire)) == kUnknown) ::sched_yield();
    hand_over.result.store(listener == kNothing ? 0 : send_listener(hand_over, listener),
                           std::memory_order_release);
    return 0;
}

// Without a call for as long as it should take; then with one, for a processor of its own that is scheduled strictly.
int await_helper(const HandOver& hand_over) noexcept {
    int result;
    for (unsigned long turns = 0; (result = hand_over.result.load(std::memory_order_acquire)) == kUnknown;
         ++turns)
        if (turns > 10'000'000) ::syscall(SYS_sched_yield);
    return result;
}

}  // namespace

int ChildRunner::install_with_listener(Slot agent) noexcept {
    HandOver hand_over{fd(agent), in_.agent_text};
    // The state document for hooks lies at the beginning of the scratch memory; the stack grows down from its end.
    constexpr int kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    if (::clone(hand_over_in_helper, in_.scratch + in_.scratch_size / 16 * 16, kThread, &hand_over) < 0)
        return errno;
    // Not for all threads: this one is the only one that stays.
    const unsigned long flags =
        (in_.program->seccomp_flags & ~SECCOMP_FILTER_FLAG_TSYNC) | SECCOMP_FILTER_FLAG_NEW_LISTENER;
    const long listener = set_filter(flags);
    const int error = listener < 0 ? errno : 0;
    hand_over.listener.store(listener < 0 ? kNothing : static_cast<int>(listener), std::memory_order_release);
    const int failed = await_helper(hand_over);
    return error != 0 ? error : failed;
}

}  // namespace stack
