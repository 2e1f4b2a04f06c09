// Namespaces that take more than a flag of the first clone: those inside a user namespace, and clocks.
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace stack {

int ChildRunner::run(const step::Respawn& step) noexcept {
    int pidfd = -1;
    clone_args arguments{};
    // With CLONE_PARENT both the parent and the signal at the end are as ours.
    arguments.flags = static_cast<std::uint64_t>(step.flags) | CLONE_PARENT | CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid < 0) return errno;
    if (pid == 0)
        return 0;  // waits for the parent to know of it, so that no report of its own comes before ours
    send(ChildReport::Kind::respawned, step_, 0, pidfd);
    ::_exit(0);
}

int ChildRunner::run(const step::NewClocks& step) noexcept {
    constexpr int kCloneNewTime = 0x80;
    if (::unshare(kCloneNewTime) < 0)
        return errno;  // for children to come; offsets can be set until one has come
    if (!step.offsets.empty()) {
        if (step.visible) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        const int file = ::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
        int error = file < 0 ? errno : 0;
        if (step.visible) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        if (error == 0 && ::write(file, step.offsets.data(), step.offsets.size()) < 0) error = errno;
        if (file >= 0) ::close(file);
        if (error != 0) return error;
    }
    const int clocks = ::open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (clocks < 0) return errno;
    const int error = result_of(::setns(clocks, kCloneNewTime));
    ::close(clocks);
    return error;
}

}  // namespace stack
