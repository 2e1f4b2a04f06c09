#include "runtime/image/sandbox.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/confinement.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace stack::image {

namespace {

// What unpacking a layer takes: owners, modes and times of files that are not ours, set-id bits, file capabilities.
// No CAP_MKNOD: overlayfs' whiteouts need none, and a real device node must never come into being.
constexpr std::array kKeptCapabilities{CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP};

UniqueFd clone_mount(const std::string& path, std::uint64_t attributes) {
    UniqueFd tree{static_cast<int>(
        ::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))};
    if (!tree.valid()) throw_errno(fmt::format("open '{}'", path));
    mount_attr attr{};
    attr.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | attributes;
    if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
        throw_errno(fmt::format("restrict '{}'", path));
    return tree;
}

UniqueFd make_tmpfs() {
    const UniqueFd context{static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC))};
    if (!context.valid()) throw_errno("open tmpfs");
    const auto set = [&](const char* key, const char* value) {
        if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key, value, 0) != 0)
            throw_errno("configure tmpfs");
    };
    set("size", "64k");
    set("mode", "0700");
    if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
        throw_errno("make tmpfs");
    UniqueFd mount{static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0))};
    if (!mount.valid()) throw_errno("mount tmpfs");
    return mount;
}

void attach(int mount, int at, const char* path) {
    if (::syscall(SYS_move_mount, mount, "", at, path, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        throw_errno("attach a mount");
}

void attach_in(int root, const UniqueFd& mount, const char* inner_path) {
    const char* name = inner_path + 1;  // below the new root
    if (::mkdirat(root, name, 0700) != 0) throw_errno(fmt::format("create '{}'", inner_path));
    attach(mount.get(), root, name);
}

// The new root is a tmpfs with nothing but the folders of the plan.
void enter_root(const SandboxPlan& plan) {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("make mounts private");
    std::vector<UniqueFd> mounts;
    mounts.reserve(plan.folders.size());
    for (const SandboxFolder& folder : plan.folders)
        mounts.push_back(clone_mount(folder.path, folder.writable ? 0 : MOUNT_ATTR_RDONLY));
    const UniqueFd root = make_tmpfs();
    attach(root.get(), AT_FDCWD, plan.folders.front().path.c_str());
    for (std::size_t i = 0; i < mounts.size(); ++i)
        attach_in(root.get(), mounts[i], plan.folders[i].inner_path);
    if (::fchdir(root.get()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0) throw_errno("change the root");
    if (::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) throw_errno("leave the old root");
    mount_attr read_only{};
    read_only.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if (::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &read_only, sizeof read_only) != 0)
        throw_errno("make the root read-only");
}

void limit_resources() {
    lower_limit(RLIMIT_CORE, 0);
    lower_limit(RLIMIT_NOFILE, 2048);
    lower_limit(RLIMIT_DATA, rlim_t{1} << 30);  // archives are mapped, which does not count here
}

// Files of the plan's folders, memory, threads, time and descriptors that were given: nothing else.
constexpr std::array kAllowedCalls{
    // memory and threads
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex", "clone", "clone3", "set_robust_list",
    "rseq", "set_tid_address", "sched_yield", "sched_getaffinity", "gettid", "getpid", "exit", "exit_group",
    "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "getrandom", "prlimit64",
    "restart_syscall",
    // time
    "clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday",
    // files
    "read", "pread64", "readv", "write", "pwrite64", "writev", "lseek", "close", "close_range", "fcntl",
    "dup", "dup3", "fstat", "newfstatat", "statx", "openat", "openat2", "getdents64", "readlinkat",
    "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "copy_file_range", "fadvise64",
    "mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "renameat", "renameat2", "fchown", "fchownat",
    "fchmod", "fchmodat", "utimensat", "umask", "fsetxattr", "fgetxattr", "flistxattr", "getuid", "geteuid",
    "getgid", "getegid", "uname", "fstatfs", "ioctl",
    // the fetcher's socket and its notes; without socket(2) and with an empty network nobody else can be spoken with
    "sendmsg", "pipe2", "poll", "flock"};

void install_seccomp_filter() {
    const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == nullptr) throw Error{ErrorKind::internal, "seccomp filter: out of memory"};
    int result = 0;
    for (const char* name : kAllowedCalls) {
        const int call = ::seccomp_syscall_resolve_name(name);
        if (call < 0) continue;  // not on this architecture
        if (std::string_view{name} == "clone3") {
            // Its flags are behind a pointer; libc falls back to clone, whose flags can be checked.
            result = ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
        } else if (std::string_view{name} == "clone") {
            constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID |
                                                     CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                                     CLONE_NEWCGROUP;
            result = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                        SCMP_A0(SCMP_CMP_MASKED_EQ, kNewNamespaces, 0));
        } else {
            result = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
        }
        if (result != 0) break;
    }
    if (result == 0) result = ::seccomp_load(filter);
    ::seccomp_release(filter);
    if (result != 0) throw Error::from_errno(-result, "install the seccomp filter");
}

void enter_in_child(const SandboxPlan& plan, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != 0 && ::getppid() != parent) ::_exit(1);  // 0: the parent is outside our pid namespace
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) != 0)
        throw_errno("make namespaces for the image worker");
    ::umask(0);
    enter_root(plan);
    close_fds_except(plan.keep_fds);
    limit_resources();
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    drop_bounding_set(kKeptCapabilities);
    keep_only_capabilities(kKeptCapabilities);
    install_seccomp_filter();
}

}  // namespace

ProcessHandle start_sandboxed(const SandboxPlan& plan, const std::function<int()>& body) {
    const pid_t parent = ::getpid();
    if (::unshare(CLONE_NEWPID) != 0) {
        if (errno == EPERM)
            throw Error::from_errno(EPERM, "make a pid namespace for the image worker")
                .with_hint("images are unpacked as root; run the command with sudo");
        throw_errno("make a pid namespace for the image worker");
    }
    const auto enter = [&](int report) {
        SandboxPlan kept = plan;
        kept.keep_fds.push_back(report);
        enter_in_child(kept, parent);
    };
    return fork_confined("the image worker", enter, body);
}

}  // namespace stack::image
