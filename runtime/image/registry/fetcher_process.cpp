#include "runtime/image/registry/fetcher_process.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/confinement.hpp"
#include "runtime/image/registry/fetch_server.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include <curl/curl.h>

namespace stack::registry {

namespace {

constexpr uid_t kNobody = 65534;

void become_nobody() {
    if (::geteuid() != 0) return;
    image::drop_bounding_set({});
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0)
        throw_errno("give up root's identity");
}

// A list of what is refused, and not of what is allowed: how a host resolves names (nss modules, nscd, resolved) is its
// own affair, and takes calls that nobody here can know.
constexpr std::array kRefusedCalls{
    // other programs and other processes
    "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_open",
    "pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "process_madvise",
    // mounts, roots, namespaces
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fspick", "fsmount",
    "fsconfig", "mount_setattr", "unshare", "setns", "open_by_handle_at", "name_to_handle_at",
    // the kernel
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "personality", "reboot", "swapon", "swapoff", "acct", "quotactl", "iopl", "ioperm",
    // files come as descriptors; none is made, renamed, removed or given away
    "creat", "mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat", "renameat2", "link", "linkat",
    "symlink", "symlinkat", "unlink", "unlinkat", "rmdir", "truncate", "chmod", "fchmodat", "chown", "lchown",
    "fchownat", "setxattr", "lsetxattr", "openat2"};

class Filter {
  public:
    Filter() : context_{::seccomp_init(SCMP_ACT_ALLOW)} {
        if (context_ == nullptr) throw Error{ErrorKind::internal, "seccomp filter: out of memory"};
    }
    ~Filter() { ::seccomp_release(context_); }
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    template <typename... Comparison>
    void refuse(const char* name, int with_errno, Comparison... when) {
        const int call = ::seccomp_syscall_resolve_name(name);
        if (call < 0) return;  // not on this architecture
        const auto action = SCMP_ACT_ERRNO(static_cast<unsigned>(with_errno));
        check(::seccomp_rule_add(context_, action, call, sizeof...(when), when...));
    }
    void load() { check(::seccomp_load(context_)); }

  private:
    static void check(int result) {
        if (result != 0) throw Error::from_errno(-result, "install the seccomp filter of the fetcher");
    }
    scmp_filter_ctx context_;
};

void install_filter() {
    Filter filter;
    for (const char* name : kRefusedCalls) filter.refuse(name, EPERM);
    for (const int flag : {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC}) {
        const auto bit = static_cast<scmp_datum_t>(flag);
        filter.refuse("openat", EACCES, SCMP_A2(SCMP_CMP_MASKED_EQ, bit, bit));
        filter.refuse("open", EACCES, SCMP_A1(SCMP_CMP_MASKED_EQ, bit, bit));
    }
    // clone3's flags are behind a pointer; libc falls back to clone, whose flags can be checked.
    filter.refuse("clone3", ENOSYS);
    for (const int flag : {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
                           CLONE_NEWCGROUP}) {
        const auto bit = static_cast<scmp_datum_t>(flag);
        filter.refuse("clone", EPERM, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
    }
    // Nor a process: only threads.
    filter.refuse("clone", EPERM, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    filter.refuse("fork", EPERM);
    filter.refuse("vfork", EPERM);
    filter.load();
}

void limit_fetcher() {
    image::lower_limit(RLIMIT_CORE, 0);  // it holds credentials
    image::lower_limit(RLIMIT_NOFILE, 2048);
    image::lower_limit(RLIMIT_DATA, rlim_t{512} << 20);
}

void confine_fetcher(int socket, int report, pid_t parent) {
    if (::chdir("/") != 0) throw_errno("leave the working directory");
    image::close_fds_except({socket, report});
    limit_fetcher();
    become_nobody();
    // After the change of identity, which clears it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != 0 && ::getppid() != parent) ::_exit(1);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    image::keep_only_capabilities({});
    install_filter();
}

}  // namespace

ProcessHandle start_fetcher(const FetcherPlan& plan, int socket) {
    if (::curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        throw Error{ErrorKind::failed, "libcurl does not start"};
    const pid_t parent = ::getpid();
    const auto enter = [&](int report) { confine_fetcher(socket, report, parent); };
    const auto serve = [&]() -> int {
        ::signal(SIGPIPE, SIG_IGN);
        for (const int number : {SIGINT, SIGHUP, SIGTERM})
            ::signal(number, SIG_IGN);  // it ends with its parent
        serve_fetches(plan, socket);
    };
    return image::fork_confined("the process that speaks with the registry", enter, serve);
}

}  // namespace stack::registry
