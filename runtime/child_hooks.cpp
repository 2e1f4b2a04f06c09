// Hooks that run inside the container's namespaces, as children of its first process: createContainer before the root is
// entered, startContainer right before the command and with its privileges.
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"
#include "runtime/hooks.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace stack {

namespace {

constexpr std::uint64_t kChildSignal = std::uint64_t{1} << (SIGCHLD - 1);

// Files and not pipes: nobody has to feed them, and a hook that leaves a process behind keeps nobody waiting.
int make_memory_file(const char* name, std::size_t size) noexcept {
    const int file = static_cast<int>(::syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (file >= 0 && ::ftruncate(file, static_cast<off_t>(size)) < 0) return -1;
    return file;
}

std::int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// SIGCHLD waits for us while this lives, and ends nobody unnoticed.
class ChildSignalBlocked {
  public:
    ChildSignalBlocked() noexcept {
        struct KernelAction {
            unsigned long words[4];
        } const by_default{};  // an ignored SIGCHLD, which is inherited, would have the kernel reap in our place
        ::syscall(SYS_rt_sigaction, SIGCHLD, &by_default, nullptr, kKernelSigset);
        ::syscall(SYS_rt_sigprocmask, SIG_BLOCK, &kChildSignal, &before_, kKernelSigset);
    }
    ChildSignalBlocked(const ChildSignalBlocked&) = delete;
    ChildSignalBlocked& operator=(const ChildSignalBlocked&) = delete;
    ~ChildSignalBlocked() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, kKernelSigset); }

  private:
    std::uint64_t before_ = 0;
};

// False when the time is up. `timeout_seconds` 0: as long as it takes.
bool reap_hook(pid_t pid, std::int64_t timeout_seconds, int& status) noexcept {
    const std::int64_t end = monotonic_ns() + timeout_seconds * 1'000'000'000;
    for (;;) {
        const pid_t ended = static_cast<pid_t>(::syscall(SYS_wait4, pid, &status, WNOHANG, nullptr));
        if (ended == pid) return true;
        timespec left{};
        if (timeout_seconds > 0) {
            const std::int64_t ns = end - monotonic_ns();
            if (ns <= 0) return false;
            left = {ns / 1'000'000'000, ns % 1'000'000'000};
        }
        ::syscall(SYS_rt_sigtimedwait, &kChildSignal, nullptr, timeout_seconds > 0 ? &left : nullptr,
                  kKernelSigset);
    }
}

// Fills `table` with pointers and a null behind them; false when there is no room.
bool point_at(const std::vector<std::string>& strings, char**& table, const char* end) noexcept {
    for (const std::string& text : strings) {
        if (reinterpret_cast<char*>(table + 2) > end) return false;
        *table++ = const_cast<char*>(text.c_str());
    }
    *table++ = nullptr;
    return true;
}

}  // namespace

int ChildRunner::run(const step::KeepState& step) noexcept {
    if (const int error = keep(step.state, make_memory_file("state", state_.size()))) return error;
    const ssize_t done = ::pwrite(fd(step.state), state_.data(), state_.size(), 0);
    if (done != static_cast<ssize_t>(state_.size())) return done < 0 ? errno : EIO;
    if (::fcntl(fd(step.state), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0) return errno;
    if (const int error = keep(step.output, make_memory_file("hook-output", kHookOutputSize))) return error;
    return result_of(::fcntl(fd(step.output), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK));
}

// In the hook's own process.
void ChildRunner::become_hook(const step::RunHook& step, int report) noexcept {
    static_cast<void>(run(step::ResetSignals{}));
    // This process's copy of the scratch buffer is its own: the place for the pointers.
    char** table = reinterpret_cast<char**>(in_.scratch);
    const char* end = in_.scratch + in_.scratch_size;
    char** argv = table;
    if (step.hook.args.empty()) *table++ = const_cast<char*>(step.hook.path.c_str());
    bool fits = point_at(step.hook.args, table, end);
    char** env = table;
    fits = fits && point_at(step.hook.env, table, end);
    errno = E2BIG;
    if (fits && ::dup2(fd(step.state), 0) == 0 && ::dup2(fd(step.output), 1) == 1 && ::dup2(1, 2) == 2 &&
        ::syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) == 0)
        ::execve(step.hook.path.c_str(), argv, env);
    const int error = errno;
    [[maybe_unused]] const ssize_t sent = ::write(report, &error, sizeof error);
    ::_exit(127);
}

int ChildRunner::run(const step::RunHook& step) noexcept {
    if (::lseek(fd(step.state), 0, SEEK_SET) < 0 || ::lseek(fd(step.output), 0, SEEK_SET) < 0) return errno;
    int report[2];
    if (::pipe2(report, O_CLOEXEC) < 0) return errno;
    const ChildSignalBlocked blocked;
    // Not clone3: filters answer it with ENOSYS.
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (pid == 0) become_hook(step, report[1]);
    int error = pid < 0 ? errno : 0;
    ::close(report[1]);
    if (error == 0 && ::read(report[0], &error, sizeof error) != static_cast<ssize_t>(sizeof error))
        error = 0;
    ::close(report[0]);
    if (pid < 0) return error;
    int status = 0;
    if (!reap_hook(pid, step.hook.timeout_seconds.value_or(0), status)) {
        ::kill(pid, SIGKILL);
        static_cast<void>(reap_hook(pid, 0, status));
        return fail(ETIMEDOUT, FailureDetail::hook_timeout);
    }
    if (error != 0) return error;
    if (status == 0) return 0;
    const off_t size = ::lseek(fd(step.output), 0, SEEK_CUR);
    char said[ChildReport::kTextSize];
    const ssize_t got = ::pread(fd(step.output), said,
                                std::min(static_cast<std::size_t>(std::max<off_t>(size, 0)), sizeof said), 0);
    return fail(ECANCELED, FailureDetail::hook_status,
                {said, static_cast<std::size_t>(std::max<ssize_t>(got, 0))},
                static_cast<std::size_t>(status));
}

}  // namespace stack
