#include "runtime/base/file_lock.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack {

namespace {

UniqueFd open_lock_file(const std::string& path) {
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd.valid()) throw_errno(fmt::format("open lock file '{}'", path));
    return fd;
}

// A lock on a file that was unlinked meanwhile protects nothing.
bool still_named(int fd, const std::string& path) {
    struct stat ours {
    }, named{};
    return ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

}  // namespace

FileLock FileLock::acquire(const std::string& path, bool shared) {
    for (;;) {
        UniqueFd fd = open_lock_file(path);
        while (::flock(fd.get(), shared ? LOCK_SH : LOCK_EX) != 0) {
            if (errno != EINTR) throw_errno(fmt::format("lock '{}'", path));
        }
        if (still_named(fd.get(), path)) return FileLock{std::move(fd)};
    }
}

std::optional<FileLock> FileLock::try_acquire(const std::string& path, bool shared) {
    for (;;) {
        UniqueFd fd = open_lock_file(path);
        if (::flock(fd.get(), (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) return std::nullopt;
            throw_errno(fmt::format("lock '{}'", path));
        }
        if (still_named(fd.get(), path)) return FileLock{std::move(fd)};
    }
}

}  // namespace stack
