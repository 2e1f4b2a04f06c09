#include "runtime/init_child.hpp"

#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>

#include <algorithm>
#include <variant>

namespace stack {

namespace {

int write_once(int file, const char* text, std::size_t size) noexcept {
    ssize_t done;
    do {
        done = ::write(file, text, size);
    } while (done < 0 && errno == EINTR);
    return done < 0 ? errno : 0;
}

// Opens without following any link and without leaving the procfs, writes, closes.
int write_proc_file(int proc, const char* path, const std::string& value) noexcept {
    const int file = sys::open_how_at(proc, path, O_WRONLY | O_NOCTTY | O_NOFOLLOW,
                                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    if (file < 0) return errno;
    const int error = write_once(file, value.c_str(), value.size());
    ::close(file);
    return error;
}

}  // namespace

void run_init_program(const ChildInput& input) noexcept {
    ChildRunner runner{input};
    runner.run_all();
}

void ChildRunner::run_all() noexcept {
    // Nobody in a pid namespace that we may have been born into is to trace us or look at our descriptors.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    ::umask(0);
    mark_time(0);
    const std::vector<Step>& steps = in_.program->steps;
    for (step_ = 0; step_ < steps.size(); ++step_) {
        const int error =
            std::visit([this](const auto& action) noexcept { return run(action); }, steps[step_].action);
        if (error != 0) {
            send(ChildReport::Kind::failed, step_, error, -1);
            ::_exit(127);
        }
        mark_time(step_ + 1);
    }
    ::_exit(127);  // the last step is Execute, which does not return
}

void ChildRunner::mark_time(std::size_t index) noexcept {
    if (!in_.times) return;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    in_.times[index] =
        static_cast<std::uint64_t>(now.tv_sec) * 1000000000u + static_cast<std::uint64_t>(now.tv_nsec);
}

int ChildRunner::keep(Slot slot, int descriptor) noexcept {
    if (descriptor < 0) return errno;
    in_.fds[slot.index] = descriptor;
    return 0;
}

void ChildRunner::close(Slot slot) noexcept {
    if (fd(slot) < 0) return;
    ::close(fd(slot));
    in_.fds[slot.index] = -1;
}

int ChildRunner::fail(int error, FailureDetail detail, std::string_view text, std::size_t extra) noexcept {
    report_.detail = static_cast<std::uint32_t>(detail);
    report_.extra = static_cast<std::uint32_t>(extra);
    report_.text_size = static_cast<std::uint32_t>(std::min(text.size(), ChildReport::kTextSize));
    if (!text.empty()) ::memcpy(report_.text, text.data(), report_.text_size);
    return error;
}

int ChildRunner::run(const step::CloseInherited&) noexcept {
    unsigned next =
        3;  // the standard streams stay until they are replaced, so that no other file takes their numbers
    for (std::size_t i = 0; i < in_.keep_count; ++i) {
        const auto kept = static_cast<unsigned>(in_.keep[i]);
        if (sys::close_range(next, kept - 1) < 0) return errno;
        next = kept + 1;
    }
    return result_of(sys::close_range(next, ~0u));
}

int ChildRunner::run(const step::BecomeRoot&) noexcept {
    if (::syscall(SYS_setresgid, 0, 0, 0) < 0) return errno;
    return result_of(::syscall(SYS_setresuid, 0, 0, 0));
}

int ChildRunner::run(const step::EnterCgroup& step) noexcept {
    const int error = write_once(fd(step.task_file), "0", 1);
    close(step.task_file);
    return error;
}

int ChildRunner::run(const step::OpenNamespace& step) noexcept {
    return keep(step.out, ::open(step.path.c_str(), O_RDONLY | O_CLOEXEC));
}

int ChildRunner::run(const step::JoinNamespaces& step) noexcept {
    return result_of(::setns(fd(step.fd), step.flags));
}
int ChildRunner::run(const step::Unshare& step) noexcept {
    return result_of(::unshare(step.flags));
}
int ChildRunner::run(const step::NewSession&) noexcept {
    return result_of(::setsid());
}

int ChildRunner::run(const step::NewKeyring&) noexcept {
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0) return 0;
    // A kernel without keyrings has none to leak; a quota that is used up must not stop a container that a filter keeps
    // from the inherited one anyway.
    const bool filtered = !in_.program->seccomp.empty();
    return errno == ENOSYS || (errno == EDQUOT && filtered) ? 0 : errno;
}

int ChildRunner::run(const step::SetHostname& step) noexcept {
    return result_of(::sethostname(step.name.c_str(), step.name.size()));
}
int ChildRunner::run(const step::SetDomainname& step) noexcept {
    return result_of(::setdomainname(step.name.c_str(), step.name.size()));
}

int ChildRunner::run(const step::ResetSignals&) noexcept {
    // The kernel's own layout, all zero: SIG_DFL, no flags, empty mask. libc's sigaction hides its two signals.
    struct KernelAction {
        unsigned long words[4];
    } const action{};
    for (int number = 1; number <= 64; ++number) {
        if (number != SIGKILL && number != SIGSTOP)
            ::syscall(SYS_rt_sigaction, number, &action, nullptr, kKernelSigset);
    }
    const std::uint64_t none = 0;
    return result_of(::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kKernelSigset));
}

int ChildRunner::write_own_proc_file(Slot proc, const char* name, const std::string& value) noexcept {
    // By number: /proc/self is a link. The procfs is of our own pid namespace, and so is the number.
    char path[64];
    const sys::NumberText pid{static_cast<std::uint64_t>(::syscall(SYS_getpid))};
    ::stpcpy(::stpcpy(::stpcpy(path, pid.text), "/"), name);
    return write_proc_file(fd(proc), path, value);
}

int ChildRunner::run(const step::SetOomScore& step) noexcept {
    return write_own_proc_file(step.proc, "oom_score_adj", step.value);
}

int ChildRunner::run(const step::SetExecLabel& step) noexcept {
    return write_own_proc_file(step.proc, step.file.c_str(), step.value);
}

int ChildRunner::run(const step::WriteSysctl& step) noexcept {
    return write_proc_file(fd(step.proc), step.path.c_str(), step.value);
}

int ChildRunner::run(const step::OpenTerminal& step) noexcept {
    // The peer is taken from the master, never by the name /dev/pts/N, which others could have replaced.
    const int error = keep(step.master, sys::open_how_at(fd(step.pts), "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW,
                                                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    if (error != 0) return error;
    int unlock = 0;
    if (::ioctl(fd(step.master), TIOCSPTLCK, &unlock) < 0) return errno;
    if (const int failed =
            keep(step.peer, ::ioctl(fd(step.master), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)))
        return failed;
    if (step.width == 0 && step.height == 0) return 0;
    winsize size{};
    size.ws_col = step.width;
    size.ws_row = step.height;
    return result_of(::ioctl(fd(step.master), TIOCSWINSZ, &size));
}

int ChildRunner::run(const step::OpenNull& step) noexcept {
    const int error =
        keep(step.out, sys::open_how_at(fd(step.dir), "null", O_RDWR | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW,
                                        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    if (error != 0) return error;
    struct stat info {};
    if (::fstat(fd(step.out), &info) < 0) return errno;
    if (!S_ISCHR(info.st_mode) || info.st_rdev != ::makedev(1, 3))
        return fail(EINVAL, FailureDetail::wrong_kind);
    return result_of(::fcntl(fd(step.out), F_SETFL, O_RDWR));
}

int ChildRunner::run(const step::SetStandardStreams& step) noexcept {
    const Slot sources[3] = {step.in, step.out, step.err};
    int moved[3];
    for (int i = 0; i < 3; ++i) {
        moved[i] =
            ::fcntl(fd(sources[i]), F_DUPFD_CLOEXEC, 3);  // above the numbers that are about to be replaced
        if (moved[i] < 0) return errno;
    }
    for (int i = 0; i < 3; ++i) {
        if (::dup2(moved[i], i) < 0) return errno;
        ::close(moved[i]);
    }
    return 0;
}

int ChildRunner::run(const step::SetControllingTerminal&) noexcept {
    return result_of(::ioctl(0, TIOCSCTTY, 0));
}

int ChildRunner::run(const step::SetUmask& step) noexcept {
    ::umask(step.mask);
    return 0;
}

int ChildRunner::run(const step::SetRlimit& step) noexcept {
    const rlimit64 limit{step.soft, step.hard};
    return result_of(::syscall(SYS_prlimit64, 0, step.resource, &limit, nullptr));
}

int ChildRunner::run(const step::SetIoPriority& step) noexcept {
    constexpr int kThisProcess = 1;  // IOPRIO_WHO_PROCESS
    return result_of(::syscall(SYS_ioprio_set, kThisProcess, 0, step.value));
}

int ChildRunner::run(const step::SetScheduler& step) noexcept {
    struct Attributes {  // struct sched_attr of linux/sched/types.h, which can't be included beside sched.h
        std::uint32_t size, policy;
        std::uint64_t flags;
        std::int32_t nice;
        std::uint32_t priority;
        std::uint64_t runtime, deadline, period;
    } const attributes{sizeof(Attributes), step.policy,     step.flags,       step.nice,
                       step.priority,      step.runtime_ns, step.deadline_ns, step.period_ns};
    return result_of(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

int ChildRunner::run(const step::SetAffinity& step) noexcept {
    return result_of(
        ::syscall(SYS_sched_setaffinity, 0, step.cpus.size() * sizeof(std::uint64_t), step.cpus.data()));
}

int ChildRunner::run(const step::SetPersonality& step) noexcept {
    return result_of(::syscall(SYS_personality, step.value));
}

int ChildRunner::run(const step::ChangeDirectory& step) noexcept {
    const int dir = step.create ? open_or_create(fd(step.root), step.path.c_str(), false, false, report_)
                                : sys::open_in(fd(step.root), step.path.c_str(), O_PATH | O_DIRECTORY);
    if (dir < 0) return errno;
    const int error = result_of(::fchdir(dir));
    ::close(dir);
    if (error != 0) return error;
    // A directory outside of our root has no name in it (CVE-2024-21626).
    if (::syscall(SYS_getcwd, in_.scratch, in_.scratch_size) < 0 || in_.scratch[0] != '/')
        return fail(EINVAL, FailureDetail::unreachable_directory);
    return 0;
}

}  // namespace stack
