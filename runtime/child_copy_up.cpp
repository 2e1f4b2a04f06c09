// A fresh volume takes over what the image has at its mount point: owner, mode, content. Runs in the child, inside the
// container's own namespaces and by descriptor only, so that an image can't make it touch anything else.
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

namespace stack {

namespace {

constexpr int kMaxDepth = 128;
constexpr std::size_t kListSize = 8192;

class Copier {
  public:
    Copier(dev_t device, ChildReport& failed) noexcept : device_{device}, failed_{failed} {}

    int copy_directory(int from, int to, int depth) noexcept {
        if (depth > kMaxDepth) return refuse("directories nested too deep", ELOOP);
        alignas(dirent64) char list[kListSize];
        long size;
        while ((size = ::syscall(SYS_getdents64, from, list, sizeof list)) > 0) {
            for (long at = 0; at < size;) {
                const auto* entry = reinterpret_cast<const dirent64*>(list + at);
                at += entry->d_reclen;
                if (::strcmp(entry->d_name, ".") == 0 || ::strcmp(entry->d_name, "..") == 0) continue;
                if (copy_entry(from, to, entry->d_name, depth) < 0) return -1;
            }
        }
        return size < 0 ? refuse("directory", errno) : 0;
    }

  private:
    int refuse(const char* name, int error) noexcept {
        failed_.detail = static_cast<std::uint32_t>(FailureDetail::copying);
        failed_.text_size = static_cast<std::uint32_t>(std::min(::strlen(name), ChildReport::kTextSize));
        ::memcpy(failed_.text, name, failed_.text_size);
        errno = error;
        return -1;
    }

    int copy_entry(int from, int to, const char* name, int depth) noexcept {
        struct stat info {};
        if (::fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) < 0) return refuse(name, errno);
        int result = 0;
        if (S_ISDIR(info.st_mode)) {
            // What another mount covers is not the image's.
            if (info.st_dev == device_) result = copy_subdirectory(from, to, name, info, depth);
        } else if (S_ISREG(info.st_mode)) {
            result = copy_file(from, to, name);
        } else if (S_ISLNK(info.st_mode)) {
            result = copy_link(from, to, name, info);
        } else if (S_ISFIFO(info.st_mode)) {
            result = copy_fifo(to, name, info);
        }  // sockets mean nothing without their owner, devices have no place in a volume
        return result < 0 && errno != EEXIST ? refuse(name, errno) : 0;  // somebody fills the same volume
    }

    int copy_subdirectory(int from, int to, const char* name, const struct stat& info, int depth) noexcept {
        if (::mkdirat(to, name, 0700) < 0) return -1;
        const int source = ::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (source < 0) return -1;
        const int target = ::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int result = target < 0 ? -1 : copy_directory(source, target, depth + 1);
        if (result == 0) result = take_over_attributes(target, info);
        const int error = errno;
        ::close(source);
        if (target >= 0) ::close(target);
        errno = error;
        return result;
    }

    static int copy_link(int from, int to, const char* name, const struct stat& info) noexcept {
        char target[PATH_MAX];
        const ssize_t size = ::readlinkat(from, name, target, sizeof target - 1);
        if (size < 0) return -1;
        target[size] = '\0';
        return ::symlinkat(target, to, name) < 0 ? -1 : take_over_owner(to, name, info);
    }

    // The mode is right from birth: the umask is 0, and there is no chmod that follows no link.
    static int copy_fifo(int to, const char* name, const struct stat& info) noexcept {
        return ::mknodat(to, name, info.st_mode, 0) < 0 ? -1 : take_over_owner(to, name, info);
    }

    static int take_over_owner(int to, const char* name, const struct stat& info) noexcept {
        if (::fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return -1;
        const timespec times[2] = {info.st_atim, info.st_mtim};
        ::utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
        return 0;
    }

    // By descriptor: whoever shares the volume may have put a link in place of the name by now.
    static int take_over_attributes(int target, const struct stat& info) noexcept {
        if (::fchown(target, info.st_uid, info.st_gid) < 0) return -1;
        if (::fchmod(target, info.st_mode & 07777) < 0) return -1;
        const timespec times[2] = {info.st_atim, info.st_mtim};
        ::futimens(target, times);
        return 0;
    }

    // The file may have become a fifo since it was looked at, whose opening would wait for a writer.
    static int copy_file(int from, int to, const char* name) noexcept {
        const int source = ::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (source < 0) return -1;
        struct stat info {};
        int result = ::fstat(source, &info);
        if (result == 0 && !S_ISREG(info.st_mode)) {
            errno = ESTALE;
            result = -1;
        }
        if (result == 0) result = copy_open_file(source, info, to, name);
        const int error = errno;
        ::close(source);
        errno = error;
        return result;
    }

    static int copy_open_file(int source, const struct stat& info, int to, const char* name) noexcept {
        const int target = ::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (target < 0) return -1;
        int result = copy_bytes(source, target, static_cast<std::size_t>(info.st_size));
        if (result == 0) result = take_over_attributes(target, info);
        if (result == 0) result = copy_file_capability(source, target);
        const int error = errno;
        ::close(target);
        errno = error;
        return result;
    }

    static int copy_bytes(int source, int target, std::size_t left) noexcept {
        while (left > 0) {
            const ssize_t done = ::copy_file_range(source, nullptr, target, nullptr, left, 0);
            if (done == 0) return 0;
            if (done > 0) {
                left -= static_cast<std::size_t>(done);
                continue;
            }
            if (errno == EINTR) continue;
            if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS) return -1;
            return copy_by_hand(source, target, left);
        }
        return 0;
    }

    // No more than what there was at first: a file that grows all the while would never end.
    static int copy_by_hand(int source, int target, std::size_t left) noexcept {
        char buffer[16384];
        while (left > 0) {
            const ssize_t got = ::read(source, buffer, std::min(sizeof buffer, left));
            if (got == 0) return 0;
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return -1;
            left -= static_cast<std::size_t>(got);
            for (ssize_t at = 0; at < got;) {
                const ssize_t done = ::write(target, buffer + at, static_cast<std::size_t>(got - at));
                if (done < 0 && errno != EINTR) return -1;
                if (done > 0) at += done;
            }
        }
        return 0;
    }

    // The one extended attribute that an image may carry (ping with cap_net_raw).
    static int copy_file_capability(int source, int target) noexcept {
        constexpr const char* kCapability = "security.capability";
        char value[64];
        const ssize_t size = ::fgetxattr(source, kCapability, value, sizeof value);
        if (size <= 0) return 0;
        const int result = ::fsetxattr(target, kCapability, value, static_cast<std::size_t>(size), 0);
        return result < 0 && errno != EOPNOTSUPP ? -1 : 0;
    }

    dev_t device_;
    ChildReport& failed_;
};

bool is_empty(int directory) noexcept {
    alignas(dirent64) char list[1024];
    long size;
    while ((size = ::syscall(SYS_getdents64, directory, list, sizeof list)) > 0) {
        for (long at = 0; at < size;) {
            const auto* entry = reinterpret_cast<const dirent64*>(list + at);
            at += entry->d_reclen;
            // ext4 volumes that are a file system of their own have it from birth.
            if (::strcmp(entry->d_name, ".") != 0 && ::strcmp(entry->d_name, "..") != 0 &&
                ::strcmp(entry->d_name, "lost+found") != 0)
                return false;
        }
    }
    return size == 0;
}

}  // namespace

int copy_up_directory(int from, int to, ChildReport& failed) noexcept {
    const int source = ::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0) return errno == ENOTDIR ? 0 : -1;  // a file over a file: nothing to take over
    const int target = ::openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat info {};
    int result = target < 0 ? -1 : ::fstat(source, &info);
    if (result == 0 && is_empty(target)) {
        Copier copier{info.st_dev, failed};
        result = copier.copy_directory(source, target, 0);
        if (result == 0) result = ::fchown(target, info.st_uid, info.st_gid);
        if (result == 0) result = ::fchmod(target, info.st_mode & 07777);
    }
    const int error = errno;
    ::close(source);
    if (target >= 0) ::close(target);
    errno = error;
    return result;
}

}  // namespace stack
