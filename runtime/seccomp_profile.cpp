// The default profile: what programs of an image need, by name. The lists follow what Docker's users are used to;
// each thing beyond POSIX-like services is tied to the capability without which it is only kernel surface.
#include "runtime/capabilities.hpp"
#include "runtime/seccomp.hpp"

#include <array>
#include <mutex>
#include <string_view>

namespace stack {

namespace {

// Some names exist on 32-bit architectures only (…32, …64, _llseek, socketcall, ipc).
constexpr std::string_view kFiles = R"(
    access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
    ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
    inotify_rm_watch lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr _llseek lremovexattr lseek
    lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pread64
    preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename
    renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink
    symlinkat sync sync_file_range sync_file_range2 arm_sync_file_range syncfs tee truncate truncate64 umask unlink
    unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev cachestat fanotify_mark)";
constexpr std::string_view kWaiting = R"(
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select _newselect signalfd signalfd4 pipe pipe2
    io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit
    timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64)";
constexpr std::string_view kMemory = R"(
    brk madvise membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect
    mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages
    process_mrelease map_shadow_stack)";
constexpr std::string_view kProcesses = R"(
    alarm capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv
    futex_wake get_robust_list get_thread_area getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups
    getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid
    getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill landlock_add_rule
    landlock_create_ruleset landlock_restrict_self nanosleep pause pidfd_open pidfd_send_signal prctl prlimit64
    ptrace process_vm_readv process_vm_writev restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address setfsgid setfsgid32
    setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32
    setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 sigaltstack
    sigprocmask sigreturn sigaction sigpending sigsuspend signal sgetmask ssetmask sysinfo tgkill times tkill ugetrlimit
    uname vfork wait4 waitid waitpid nice)";
constexpr std::string_view kTime = R"(
    adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 gettimeofday time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64)";
// socketcall reads its arguments from memory where no filter can look, so 32-bit programs get AF_VSOCK by it. Denying
// it would leave those of a libc before glibc 2.22 without any socket.
constexpr std::string_view kSocketsAndIpc = R"(
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget)";
constexpr std::string_view kArchitecture = R"(
    arch_prctl modify_ldt arm_fadvise64_64 breakpoint cacheflush set_tls swapcontext riscv_flush_icache)";

// Known and refused whatever the container may: kernel surface with a history, keys and pages of others, and calls of the
// past. Naming them makes the rest of the numbers ENOSYS.
constexpr std::string_view kRefused = R"(
    _sysctl add_key afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle io_uring_enter
    io_uring_register io_uring_setup kexec_file_load kexec_load keyctl lock lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr migrate_pages move_pages mpx nfsservctl oldfstat oldlstat oldolduname oldstat olduname
    pciconfig_iobase pciconfig_read pciconfig_write prof profil putpmsg query_module readdir request_key security stty
    swapoff swapon sysfs tuxcall ulimit uselib userfaultfd ustat vm86 vm86old vserver)";

struct ByCapability {
    std::string_view capability;
    std::string_view names;
};
constexpr std::array kByCapability{
    ByCapability{"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    ByCapability{
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie mount "
        "mount_setattr move_mount open_tree open_tree_attr perf_event_open pivot_root quotactl quotactl_fd "
        "setdomainname sethostname setns statmount syslog umount umount2 unshare"},
    ByCapability{"CAP_BPF", "bpf"},
    ByCapability{"CAP_PERFMON", "perf_event_open"},
    ByCapability{"CAP_SYS_BOOT", "reboot"},
    ByCapability{"CAP_SYS_CHROOT", "chroot"},
    ByCapability{"CAP_SYS_MODULE", "delete_module finit_module init_module"},
    ByCapability{"CAP_SYS_PACCT", "acct"},
    ByCapability{"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
    ByCapability{"CAP_SYS_RAWIO", "ioperm iopl"},
    ByCapability{"CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"},
    ByCapability{"CAP_SYS_TTY_CONFIG", "vhangup"},
    ByCapability{"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    ByCapability{"CAP_SYSLOG", "syslog"},
};

template <class Visitor>
void each_word(std::string_view text, Visitor visit) {
    constexpr std::string_view kSpace = " \n\t";
    for (std::size_t at = text.find_first_not_of(kSpace); at != std::string_view::npos;) {
        const std::size_t end = std::min(text.find_first_of(kSpace, at), text.size());
        visit(std::string{text.substr(at, end - at)});
        at = text.find_first_not_of(kSpace, end);
    }
}

bool holds(std::uint64_t capabilities, std::string_view name) {
    return (capabilities >> capability_number(name).value() & 1) != 0;
}

}  // namespace

std::map<std::string, SyscallDecision> default_profile(std::uint64_t capabilities) {
    std::map<std::string, SyscallDecision> profile;
    each_word(kRefused, [&](std::string name) { profile[std::move(name)] = SyscallDecision::deny; });
    for (const ByCapability& entry : kByCapability)
        each_word(entry.names, [&](std::string name) { profile[std::move(name)] = SyscallDecision::deny; });
    for (const std::string_view group :
         {kFiles, kWaiting, kMemory, kProcesses, kTime, kSocketsAndIpc, kArchitecture})
        each_word(group, [&](std::string name) { profile[std::move(name)] = SyscallDecision::allow; });
    profile["clone"] = SyscallDecision::clone_without_namespaces;
    profile["unshare"] = SyscallDecision::unshare_without_namespaces;
    profile["personality"] = SyscallDecision::usual_personality;
    profile["ioctl"] = SyscallDecision::ioctl_without_tty_injection;
    profile["socket"] = SyscallDecision::socket_without_vsock;
    // Its flags lie in memory where no filter can look; libc falls back to clone.
    profile["clone3"] = SyscallDecision::absent;
    for (const ByCapability& entry : kByCapability) {
        if (!holds(capabilities, entry.capability)) continue;
        each_word(entry.names, [&](std::string name) { profile[std::move(name)] = SyscallDecision::allow; });
    }
    return profile;
}

const std::vector<BpfInstruction>& default_filter(std::uint64_t capabilities) {
    std::uint64_t that_matter = 0;
    for (const ByCapability& entry : kByCapability)
        that_matter |= std::uint64_t{1} << capability_number(entry.capability).value();
    static std::mutex mutex;
    static std::map<std::uint64_t, std::vector<BpfInstruction>> cache;
    const std::lock_guard lock{mutex};
    const auto [entry, fresh] = cache.try_emplace(capabilities & that_matter);
    if (fresh) entry->second = compile_filter(default_profile(capabilities));
    return entry->second;
}

}  // namespace stack
