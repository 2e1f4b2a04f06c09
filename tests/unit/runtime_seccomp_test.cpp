// The default filter, judged by running the compiled program on calls, as the kernel would.
#include "runtime/base/error.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/seccomp.hpp"
#include "tests/unit/seccomp_judge.hpp"

#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

namespace stack {
namespace {

using test::allowed;
using test::enosys;
using test::eperm;
using test::run_filter;
using test::Verdict;
using test::verdict;

std::uint64_t default_mask() {
    return capability_mask(default_capabilities(), 40);
}

Verdict judge_number(int number, std::uint64_t arg0 = 0, std::uint64_t arg1 = 0,
                     std::uint64_t capabilities = default_mask(),
                     std::uint32_t arch = seccomp_arch_native()) {
    seccomp_data data{};
    data.nr = number;
    data.arch = arch;
    data.args[0] = arg0;
    data.args[1] = arg1;
    return verdict(run_filter(default_filter(capabilities), data));
}
Verdict judge(const char* name, std::uint64_t arg0 = 0, std::uint64_t arg1 = 0,
              std::uint64_t capabilities = default_mask()) {
    return judge_number(seccomp_syscall_resolve_name(name), arg0, arg1, capabilities);
}

TEST(Seccomp, EverydayCallsAreAllowed) {
    for (const char* name : {"read",
                             "write",
                             "openat",
                             "openat2",
                             "execve",
                             "mmap",
                             "futex",
                             "epoll_wait",
                             "accept4",
                             "sendmsg",
                             "fork",
                             "vfork",
                             "wait4",
                             "prctl",
                             "capset",
                             "setgroups",
                             "setresuid",
                             "mknodat",
                             "statx",
                             "chroot",
                             "ptrace",
                             "io_setup",
                             "memfd_create",
                             "rseq",
                             "pidfd_open",
                             "close_range",
                             "faccessat2",
                             "landlock_create_ruleset",
                             "exit_group",
                             "getrandom",
                             "clock_nanosleep",
                             "seccomp"})
        EXPECT_EQ(judge(name), allowed) << name;
}

TEST(Seccomp, WaysToTheHostAreDenied) {
    for (const char* name : {"mount",
                             "umount2",
                             "pivot_root",
                             "fsopen",
                             "fsconfig",
                             "fsmount",
                             "fspick",
                             "open_tree",
                             "move_mount",
                             "mount_setattr",
                             "setns",
                             "keyctl",
                             "add_key",
                             "request_key",
                             "io_uring_setup",
                             "io_uring_enter",
                             "io_uring_register",
                             "userfaultfd",
                             "bpf",
                             "perf_event_open",
                             "kexec_load",
                             "kexec_file_load",
                             "init_module",
                             "finit_module",
                             "delete_module",
                             "open_by_handle_at",
                             "reboot",
                             "swapon",
                             "swapoff",
                             "sethostname",
                             "setdomainname",
                             "syslog",
                             "acct",
                             "settimeofday",
                             "clock_settime",
                             "iopl",
                             "ioperm",
                             "quotactl",
                             "lookup_dcookie",
                             "nfsservctl",
                             "uselib",
                             "ustat",
                             "sysfs",
                             "kcmp",
                             "pidfd_getfd",
                             "process_madvise",
                             "vhangup",
                             "mbind",
                             "set_mempolicy",
                             "move_pages",
                             "migrate_pages"})
        EXPECT_EQ(judge(name), eperm) << name;
}

TEST(Seccomp, CapabilitiesOpenWhatTheyAreFor) {
    const auto with = [](const char* capability) {
        return default_mask() | std::uint64_t{1} << *capability_number(capability);
    };
    EXPECT_EQ(judge("mount", 0, 0, with("SYS_ADMIN")), allowed);
    EXPECT_EQ(judge("clone", CLONE_NEWUSER, 0, with("SYS_ADMIN")), allowed);
    EXPECT_EQ(judge("clone3", 0, 0, with("SYS_ADMIN")), allowed);
    EXPECT_EQ(judge("reboot", 0, 0, with("SYS_BOOT")), allowed);
    EXPECT_EQ(judge("bpf", 0, 0, with("BPF")), allowed);
    EXPECT_EQ(judge("perf_event_open", 0, 0, with("BPF")), eperm);
    EXPECT_EQ(judge("chroot", 0, 0, 0), eperm);
    EXPECT_EQ(judge("keyctl", 0, 0, ~std::uint64_t{0}), eperm);  // keys have no namespace: nobody
}

TEST(Seccomp, CloneMakesNoNamespaces) {
    EXPECT_EQ(judge("clone", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD), allowed);
    for (const std::uint64_t flag : {CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
                                     CLONE_NEWNET, CLONE_NEWCGROUP}) {
        EXPECT_EQ(judge("clone", flag | 17), eperm) << flag;
        EXPECT_EQ(judge("unshare", flag), eperm) << flag;
    }
    EXPECT_EQ(judge("unshare", CLONE_NEWTIME), eperm);
    EXPECT_EQ(judge("unshare", CLONE_FILES), allowed);
    EXPECT_EQ(judge("clone3"), enosys);
}

TEST(Seccomp, TerminalInjectionIsDeniedWhateverTheHighHalfSays) {
    EXPECT_EQ(judge("ioctl", 0, 0x5401 /* TCGETS */), allowed);
    EXPECT_EQ(judge("ioctl", 0, 0x5412 /* TIOCSTI */), eperm);
    EXPECT_EQ(judge("ioctl", 0, 0x541C /* TIOCLINUX */), eperm);
    EXPECT_EQ(judge("ioctl", 0, 0xffffffff00005412), eperm);  // CVE-2019-10063
}

TEST(Seccomp, PersonalityAndSocketFamiliesAreLimited) {
    for (const std::uint64_t value : {0x0, 0x8, 0x20000, 0x20008})
        EXPECT_EQ(judge("personality", value), allowed);
    EXPECT_EQ(judge("personality", 0xffffffff), allowed);
    EXPECT_EQ(judge("personality", 0x40000 /* ADDR_NO_RANDOMIZE */), eperm);
    EXPECT_EQ(judge("socket", AF_INET6), allowed);
    EXPECT_EQ(judge("socket", AF_VSOCK), eperm);
    EXPECT_EQ(judge("socket", 0x100000000 + AF_VSOCK), eperm);
}

TEST(Seccomp, WhatIsYoungerThanTheProfileIsAbsentNotForbidden) {
    EXPECT_EQ(judge_number(100000), enosys);
    EXPECT_EQ(judge_number(468), enosys);
    EXPECT_EQ(judge_number(400), enosys);   // between numbers that are taken
    EXPECT_EQ(judge_number(452), allowed);  // fchmodat2: libc falls back on ENOSYS only
    EXPECT_EQ(judge_number(462), allowed);  // mseal
    EXPECT_EQ(judge_number(457), eperm);    // statmount
}

TEST(Seccomp, ForeignArchitecturesHaveNoCalls) {
    EXPECT_EQ(judge_number(0, 0, 0, default_mask(), SCMP_ARCH_S390X), enosys);
#if defined(__x86_64__)
    EXPECT_EQ(judge_number(0x40000000), enosys);                               // x32's read
    EXPECT_EQ(judge_number(21, 0, 0, default_mask(), SCMP_ARCH_X86), eperm);   // i386's mount
    EXPECT_EQ(judge_number(3, 0, 0, default_mask(), SCMP_ARCH_X86), allowed);  // i386's read
    EXPECT_EQ(judge_number(54, 0, 0x5412, default_mask(), SCMP_ARCH_X86), eperm);
    // i386 has sockets by socketcall and by calls of their own.
    EXPECT_EQ(judge_number(359, AF_INET, 0, default_mask(), SCMP_ARCH_X86), allowed);
    EXPECT_EQ(judge_number(359, AF_VSOCK, 0, default_mask(), SCMP_ARCH_X86), eperm);
    EXPECT_EQ(judge_number(370, 0, 0, default_mask(), SCMP_ARCH_X86), allowed);
#endif
}

TEST(Seccomp, FilterIsShortAndKept) {
    const auto& filter = default_filter(default_mask());
    EXPECT_LT(filter.size(), 500u);
    EXPECT_EQ(&filter, &default_filter(default_mask() | 1u << *capability_number("NET_ADMIN")));
    EXPECT_NE(&filter, &default_filter(default_mask() | 1u << *capability_number("SYS_ADMIN")));
}

}  // namespace
}  // namespace stack
