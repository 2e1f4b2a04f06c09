#include "tests/support/call_tracer.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <iterator>

namespace stack::test {

namespace {

// What only asks, waits, or changes nothing but the caller's own memory, descriptors and signals.
constexpr long kHarmless[] = {SYS_access,
                              SYS_arch_prctl,
                              SYS_brk,
                              SYS_clock_gettime,
                              SYS_clock_nanosleep,
                              SYS_close,
                              SYS_close_range,
                              SYS_dup,
                              SYS_dup2,
                              SYS_dup3,
                              SYS_epoll_create1,
                              SYS_epoll_ctl,
                              SYS_epoll_wait,
                              SYS_faccessat,
                              SYS_faccessat2,
                              SYS_fcntl,
                              SYS_fstat,
                              SYS_fstatfs,
                              SYS_futex,
                              SYS_getcwd,
                              SYS_getdents64,
                              SYS_getegid,
                              SYS_geteuid,
                              SYS_getgid,
                              SYS_getpid,
                              SYS_getppid,
                              SYS_getrandom,
                              SYS_gettid,
                              SYS_getuid,
                              SYS_lseek,
                              SYS_lstat,
                              SYS_madvise,
                              SYS_mmap,
                              SYS_mprotect,
                              SYS_mremap,
                              SYS_munmap,
                              SYS_newfstatat,
                              SYS_pidfd_open,
                              SYS_pipe2,
                              SYS_poll,
                              SYS_ppoll,
                              SYS_prctl,
                              SYS_pread64,
                              SYS_prlimit64,
                              SYS_read,
                              SYS_readlink,
                              SYS_readlinkat,
                              SYS_restart_syscall,
                              SYS_rseq,
                              SYS_rt_sigaction,
                              SYS_rt_sigprocmask,
                              SYS_rt_sigreturn,
                              SYS_sched_getaffinity,
                              SYS_set_robust_list,
                              SYS_set_tid_address,
                              SYS_sigaltstack,
                              SYS_signalfd4,
                              SYS_socket,
                              SYS_socketpair,
                              SYS_stat,
                              SYS_statfs,
                              SYS_statx,
                              SYS_sysinfo,
                              SYS_uname};

bool may_be_seen(const __ptrace_syscall_info& call) {
    const auto number = static_cast<long>(call.entry.nr);
    if (number == SYS_open) return (call.entry.args[1] & O_CREAT) != 0;
    if (number == SYS_openat) return (call.entry.args[2] & O_CREAT) != 0;
    if (number == SYS_openat2) return false;  // the runtime makes nothing by it
    return std::find(std::begin(kHarmless), std::end(kHarmless), number) == std::end(kHarmless);
}

[[noreturn]] void become(const TracedProgram& program) {
    std::vector<char*> argv, env;
    for (const std::string& word : program.argv) argv.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& entry : program.env) env.push_back(const_cast<char*>(entry.c_str()));
    argv.push_back(nullptr);
    env.push_back(nullptr);
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    ::close_range(3, UINT_MAX, 0);
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    ::raise(SIGSTOP);
    ::execve(argv[0], argv.data(), env.data());
    ::_exit(127);
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, __WALL) < 0)
        if (errno != EINTR) throw_errno("wait for a traced program");
    return status;
}

}  // namespace

TracedEnd run_until_call(const TracedProgram& program, int nth) {
    const pid_t child = ::fork();
    if (child < 0) throw_errno("fork");
    if (child == 0) become(program);
    TracedEnd end;
    int status = wait_for(child);
    ::ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
    for (int signal = 0;;) {
        ::ptrace(PTRACE_SYSCALL, child, 0, signal);
        status = wait_for(child);
        if (!WIFSTOPPED(status)) break;
        const bool stop_of_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        signal = stop_of_call || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        __ptrace_syscall_info call{};
        if (!stop_of_call || ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof call, &call) <= 0) continue;
        if (call.op != PTRACE_SYSCALL_INFO_ENTRY || !may_be_seen(call) || ++end.calls != nth) continue;
        end.killed_at = static_cast<long>(call.entry.nr);
        ::kill(child, SIGKILL);
        wait_for(child);
        return end;
    }
    end.exit_code = exit_code_of_status(status);
    return end;
}

}  // namespace stack::test
