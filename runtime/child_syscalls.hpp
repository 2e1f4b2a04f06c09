// The system calls of the child that libc has no wrapper for, or whose wrapper is no good there (setresuid and friends
// signal every thread libc knows of, and those don't exist in the child). All return 0 or a descriptor, or -1 and errno.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace stack {

/// Bytes of the kernel's signal set, which the raw calls are told; libc's is larger.
inline constexpr std::size_t kKernelSigset = 8;

/// The errno of a raw call's result, 0 for success.
inline int result_of(long value) noexcept {
    return value < 0 ? errno : 0;
}

/// One descriptor beside a message of sendmsg(2), SCM_RIGHTS; must outlive the call.
class AttachedDescriptor {
  public:
    AttachedDescriptor() noexcept = default;
    AttachedDescriptor(const AttachedDescriptor&) = delete;
    AttachedDescriptor& operator=(const AttachedDescriptor&) = delete;

    void attach(msghdr& message, int descriptor) noexcept {
        message.msg_control = control_;
        message.msg_controllen = sizeof control_;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        __builtin_memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }

  private:
    alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))] = {};
};

}  // namespace stack

namespace stack::sys {

inline int open_how_at(int dir, const char* path, std::uint64_t flags, std::uint64_t resolve,
                       std::uint64_t mode = 0) noexcept {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.mode = mode;
    how.resolve = resolve;
    long fd;
    do {
        fd = ::syscall(SYS_openat2, dir, path, &how, sizeof how);
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN));  // EAGAIN: a rename raced with the lookup
    return static_cast<int>(fd);
}
/// `path` with `dir` acting as /; magic links (/proc/PID/fd/N) are refused.
inline int open_in(int dir, const char* path, std::uint64_t flags, std::uint64_t more_resolve = 0) noexcept {
    return open_how_at(dir, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | more_resolve);
}
inline int open_tree(int dir, const char* path, unsigned flags) noexcept {
    return static_cast<int>(::syscall(SYS_open_tree, dir, path, flags));
}
inline int attach(int mount, int target) noexcept {
    return static_cast<int>(
        ::syscall(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}
/// A last part that is a link is not followed.
inline int attach_inside(int mount, int dir, const char* name) noexcept {
    return static_cast<int>(::syscall(SYS_move_mount, mount, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH));
}
inline int set_mount_attributes(int mount, const char* path, unsigned flags,
                                const mount_attr& attributes) noexcept {
    return static_cast<int>(::syscall(SYS_mount_setattr, mount, path, flags, &attributes, sizeof attributes));
}
inline int fsopen(const char* type) noexcept {
    return static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}
inline int fsconfig(int fs, unsigned command, const char* key, const char* value) noexcept {
    return static_cast<int>(::syscall(SYS_fsconfig, fs, command, key, value, 0));
}
inline int fsmount(int fs, std::uint64_t attributes) noexcept {
    return static_cast<int>(::syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
}
inline int close_range(unsigned first, unsigned last) noexcept {
    return first > last ? 0 : static_cast<int>(::syscall(SYS_close_range, first, last, 0));
}

/// Decimal text of a number, for /proc/self/fd/N: no allocation, no locale.
struct NumberText {
    char text[24] = {};
    explicit NumberText(std::uint64_t value) noexcept {
        char reversed[24];
        int count = 0;
        do {
            reversed[count++] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        for (int i = 0; i < count; ++i) text[i] = reversed[count - 1 - i];
    }
};

}  // namespace stack::sys
