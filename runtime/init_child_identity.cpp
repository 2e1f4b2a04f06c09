// The steps that decide as whom and what the process goes on: user, capabilities, filter, exec.
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stack {

namespace {

// A regular file of the image, or -1; a missing one leaves `error` 0.
int open_account_file(int root, const char* path, int& error) noexcept {
    error = 0;
    const int file = sys::open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        if (errno != ENOENT && errno != ENOTDIR) error = errno;
        return -1;
    }
    struct stat info {};
    if (::fstat(file, &info) == 0 && S_ISREG(info.st_mode)) return file;
    error = EINVAL;
    ::close(file);
    return -1;
}

}  // namespace

int ChildRunner::run(const step::ResolveUser& step) noexcept {
    constexpr auto kReadFailed = static_cast<FailureDetail>(UserProblem::read_failed);
    int error = 0;
    const int passwd = open_account_file(fd(step.root), "etc/passwd", error);
    if (error != 0) return fail(error, kReadFailed, "/etc/passwd");
    const int group = open_account_file(fd(step.root), "etc/group", error);
    if (error != 0) return fail(error, kReadFailed, "/etc/group");
    const std::size_t half = in_.scratch_size / 2;
    LineReader passwd_lines{passwd, in_.scratch, half};
    LineReader group_lines{group, in_.scratch + half, half};
    std::size_t extra = 0;
    const UserProblem problem = resolve_user(step.request, passwd < 0 ? nullptr : &passwd_lines,
                                             group < 0 ? nullptr : &group_lines, user_, extra);
    if (passwd >= 0) ::close(passwd);
    if (group >= 0) ::close(group);
    if (problem != UserProblem::none) return fail(EINVAL, static_cast<FailureDetail>(problem), {}, extra);
    if (in_.home_entry) {
        char* entry = *in_.home_entry;  // as long as kMaxHome and "HOME="
        ::memcpy(entry, "HOME=", 5);
        ::memcpy(entry + 5, user_.home.data(), kMaxHome);
    }
    return 0;
}

int ChildRunner::run(const step::OwnTerminal&) noexcept {
    return result_of(::fchown(0, user_.uid, static_cast<gid_t>(-1)));
}

int ChildRunner::run(const step::OwnPipes&) noexcept {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
        struct stat info {};
        if (::fstat(stream, &info) < 0) return errno;
        if (!S_ISFIFO(info.st_mode) || info.st_uid == user_.uid) continue;
        // In a user namespace those of ids that it has not stay what they are.
        if (::fchown(stream, user_.uid, static_cast<gid_t>(-1)) < 0 && errno != EPERM && errno != EINVAL &&
            errno != EROFS)
            return errno;
    }
    return 0;
}

int ChildRunner::run(const step::NoNewPrivileges&) noexcept {
    return result_of(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

long ChildRunner::set_filter(unsigned long flags) noexcept {
    static_assert(sizeof(BpfInstruction) == sizeof(sock_filter));
    sock_fprog filter{};
    filter.len = static_cast<unsigned short>(in_.program->seccomp.size());
    filter.filter = reinterpret_cast<sock_filter*>(const_cast<BpfInstruction*>(in_.program->seccomp.data()));
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
}

int ChildRunner::run(const step::InstallSeccomp& step) noexcept {
    if (step.agent.valid()) return install_with_listener(step.agent);
    return result_of(set_filter(in_.program->seccomp_flags));
}

int ChildRunner::run(const step::SetBounding& step) noexcept {
    for (int capability = 0; capability <= step.last_capability; ++capability) {
        if ((step.keep >> capability & 1) != 0) continue;
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return errno;
    }
    return 0;
}

int ChildRunner::run(const step::SetIds& step) noexcept {
    constexpr std::uint32_t kUnchanged = 0xffffffff;
    if (user_.uid == kUnchanged || user_.gid == kUnchanged) return EINVAL;
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return errno;
    // Always, so that none of the caller's groups stays.
    if (::syscall(SYS_setgroups, user_.group_count, user_.groups.data()) < 0 &&
        !(errno == EPERM && step.groups_may_stay))
        return errno;
    if (::syscall(SYS_setresgid, user_.gid, user_.gid, user_.gid) < 0) return errno;
    return result_of(::syscall(SYS_setresuid, user_.uid, user_.uid, user_.uid));
}

int ChildRunner::run(const step::SetCapabilities& step) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    for (int word = 0; word < 2; ++word) {
        data[word].effective = static_cast<std::uint32_t>(step.effective >> (32 * word));
        data[word].permitted = static_cast<std::uint32_t>(step.permitted >> (32 * word));
        data[word].inheritable = static_cast<std::uint32_t>(step.inheritable >> (32 * word));
    }
    if (::syscall(SYS_capset, &header, data) < 0) return errno;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return errno;
    for (int capability = 0; capability < 64; ++capability) {
        if ((step.ambient >> capability & 1) == 0) continue;
        if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0) return errno;
    }
    return 0;
}

int ChildRunner::check_candidate(const char* path) noexcept {
    // /proc/self/exe in an image's configuration means this program, not one of the image (CVE-2019-5736).
    const int seen = sys::open_how_at(AT_FDCWD, path, O_PATH, RESOLVE_NO_MAGICLINKS);
    if (seen < 0) return errno == ELOOP ? EACCES : errno;
    struct stat info {};
    const int unknown = ::fstat(seen, &info) < 0 ? errno : 0;
    ::close(seen);
    if (unknown != 0) return unknown;
    return S_ISDIR(info.st_mode) ? EACCES : 0;
}

int ChildRunner::run(const step::FindCommand& step) noexcept {
    // As the user, whose ids are for good only behind the gate: the saved ids lead back. Where groups may not be set, SetIds
    // says whether that will do.
    constexpr auto kSame = static_cast<id_t>(-1);
    if (::syscall(SYS_setgroups, user_.group_count, user_.groups.data()) < 0 && errno != EPERM) return errno;
    if (::syscall(SYS_setresgid, kSame, user_.gid, kSame) < 0) return errno;
    if (::syscall(SYS_setresuid, kSame, user_.uid, kSame) < 0) return errno;
    int refused = 0;
    std::size_t refused_index = 0;
    bool found = false;
    for (std::size_t i = 0; i < step.candidates.size() && !found; ++i) {
        const char* path = step.candidates[i].c_str();
        int error = check_candidate(path);
        if (error == 0 && ::faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0) error = errno;
        found = error == 0;
        if (error != EACCES || refused != 0) continue;
        refused = error;
        refused_index = i;
    }
    if (::syscall(SYS_setresuid, kSame, 0, kSame) < 0) return errno;
    if (::syscall(SYS_setresgid, kSame, 0, kSame) < 0) return errno;
    if (found) return 0;
    return refused != 0 ? fail(refused, FailureDetail::not_executable, {}, refused_index)
                        : fail(ENOENT, FailureDetail::command_not_found);
}

// Returns only with the errno of what stopped it.
int ChildRunner::execute_candidate(const step::Execute& step, const char* path) noexcept {
    if (const int error = check_candidate(path)) return error;
    if (!step.init.valid()) {
        ::execve(path, in_.argv + 1, in_.env);
        return errno;
    }
    // stack-init runs the command; what can be known beforehand is found out here.
    if (::faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0) return errno;
    in_.argv[1] = const_cast<char*>(path);
    ::syscall(SYS_execveat, fd(step.init), "", in_.argv, in_.env, AT_EMPTY_PATH);
    return errno;
}

int ChildRunner::run(const step::Execute& step) noexcept {
    send(ChildReport::Kind::executing, step_, 0, -1);
    int refused = 0;  // the first candidate that exists but may not be executed
    std::size_t refused_index = 0;
    for (std::size_t i = 0; i < step.candidates.size(); ++i) {
        const char* path = step.candidates[i].c_str();
        const int error = execute_candidate(step, path);
        if (error == EACCES) {
            if (refused == 0) refused_index = i;
            refused = EACCES;
            continue;
        }
        const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        const bool missing = error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
        if (file < 0 && missing) continue;
        // It exists: its head tells the parent which interpreter is missing, or what it is instead of a program.
        report_.detail = static_cast<std::uint32_t>(missing ? FailureDetail::no_interpreter
                                                            : FailureDetail::not_executable);
        report_.extra = static_cast<std::uint32_t>(i);
        const ssize_t size = file < 0 ? 0 : ::read(file, report_.text, ChildReport::kTextSize);
        report_.text_size = size > 0 ? static_cast<std::uint32_t>(size) : 0;
        return error;
    }
    return refused != 0 ? fail(refused, FailureDetail::not_executable, {}, refused_index)
                        : fail(ENOENT, FailureDetail::command_not_found);
}

}  // namespace stack
