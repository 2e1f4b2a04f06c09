// Mount points inside a container's tree, found or made by descriptor (CVE-2021-30465, CVE-2024-45310): every part
// is opened without following it, links are followed by hand with the container's root as /, and what is missing is
// made by mkdirat on the checked parent. Runs in the child: fixed buffers, no allocation.
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stack {

namespace {

constexpr int kMaxLinks = 40;  // as the kernel's own limit

// 0, or the errno of what stands in the way; that something of that name is there is fine.
int make(int parent, const char* name, bool directory, ChildReport& failed) noexcept {
    int error = 0;
    if (directory) {
        if (::mkdirat(parent, name, 0755) < 0 && errno != EEXIST) error = errno;
    } else {
        const int file =
            ::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
        if (file >= 0)
            ::close(file);
        else if (errno != EEXIST)
            error = errno;
    }
    if (error != 0) {
        failed.detail = static_cast<std::uint32_t>(directory ? FailureDetail::making_directory
                                                             : FailureDetail::making_file);
    }
    return error;
}

int opened_or_made(int parent, const char* name, bool directory, ChildReport& failed) noexcept {
    if (const int error = make(parent, name, directory, failed)) {
        errno = error;
        return -1;
    }
    return ::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

// Walks a path part by part. `done` is the way so far: no links, no `..`, so that it may be opened again from the root.
class Walker {
  public:
    Walker(int root, bool file, bool no_links, ChildReport& failed) noexcept
        : root_{root}, file_{file}, no_links_{no_links}, failed_{failed} {}

    int walk(const char* path) noexcept {
        if (::strlen(path) >= sizeof rest_) return refuse(ENAMETOOLONG);
        ::strcpy(rest_, path);
        int current = open_done();
        while (current >= 0 && take_part()) {
            if (part_[0] == '\0' || ::strcmp(part_, ".") == 0) continue;
            if (::strcmp(part_, "..") == 0) {
                char* slash = ::strrchr(done_, '/');
                *(slash ? slash : done_) = '\0';
                ::close(current);
                current = open_done();
                continue;
            }
            current = step_into(current);
        }
        return current;
    }

  private:
    int refuse(int error) noexcept {
        errno = error;
        return -1;
    }
    // In-root resolution a second time: even if somebody swaps a part for a link meanwhile, it can't leave the root.
    int open_done() noexcept {
        return done_[0] == '\0' ? ::openat(root_, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)
                                : sys::open_in(root_, done_, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    }
    bool take_part() noexcept {
        char* begin = rest_;
        while (*begin == '/') ++begin;
        if (*begin == '\0') return false;
        const std::size_t size = ::strcspn(begin, "/");
        const char* after = begin + size;
        last_ = after[::strspn(after, "/")] == '\0';
        const std::size_t kept =
            size <= NAME_MAX ? size : NAME_MAX + 1;  // one too many: the kernel says ENAMETOOLONG
        ::memcpy(part_, begin, kept);
        part_[kept] = '\0';
        ::memmove(rest_, after, ::strlen(after) + 1);
        return true;
    }
    // Consumes `parent`.
    int step_into(int parent) noexcept {
        int next = ::openat(parent, part_, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && errno == ENOENT) next = opened_or_made(parent, part_, !(last_ && file_), failed_);
        struct stat info {};
        if (next >= 0 && ::fstat(next, &info) < 0) next = drop(next, errno);
        if (next >= 0 && S_ISLNK(info.st_mode)) return follow(parent, next);
        ::close(parent);
        if (next < 0) return -1;
        if (!S_ISDIR(info.st_mode)) return last_ ? next : drop(next, ENOTDIR);
        const std::size_t used = ::strlen(done_);
        if (used + 1 + ::strlen(part_) >= sizeof done_) return drop(next, ENAMETOOLONG);
        if (used > 0) ::strcat(done_, "/");
        ::strcat(done_, part_);
        ::close(next);
        return open_done();
    }
    int follow(int parent, int link) noexcept {
        ::close(parent);
        if (no_links_ || ++links_ > kMaxLinks) return drop(link, ELOOP);
        char target[PATH_MAX];
        const ssize_t size = ::readlinkat(link, "", target, sizeof target - 1);
        if (size <= 0) return drop(link, size < 0 ? errno : ENOENT);
        target[size] = '\0';
        ::close(link);
        const std::size_t rest = ::strlen(rest_);
        if (static_cast<std::size_t>(size) + 1 + rest >= sizeof rest_) return refuse(ENAMETOOLONG);
        ::memmove(rest_ + size + 1, rest_, rest + 1);
        ::memcpy(rest_, target, static_cast<std::size_t>(size));
        rest_[size] = '/';
        if (target[0] == '/') done_[0] = '\0';
        return open_done();
    }
    int drop(int descriptor, int error) noexcept {
        ::close(descriptor);
        return refuse(error);
    }

    int root_;
    bool file_, no_links_;
    ChildReport& failed_;
    bool last_ = false;
    int links_ = 0;
    char part_[NAME_MAX + 2] = {};
    char done_[PATH_MAX] = {};
    char rest_[2 * PATH_MAX] = {};
};

}  // namespace

int open_or_create(int root, const char* path, bool file, bool no_links, ChildReport& failed) noexcept {
    const std::uint64_t resolve = no_links ? RESOLVE_NO_SYMLINKS : 0;
    int found = sys::open_in(root, path, O_PATH, resolve);
    if (found >= 0 || errno != ENOENT) return found;
    if (::strchr(path, '/') == nullptr &&
        ::strlen(path) <= NAME_MAX) {  // most often: in a file system of our own
        if (const int error = make(root, path, !file, failed)) {
            errno = error;
            return -1;
        }
        found = sys::open_in(root, path, O_PATH, resolve);
        if (found >= 0 || errno != ENOENT) return found;  // ENOENT: a link to what is missing
    }
    Walker walker{root, file, no_links, failed};
    return walker.walk(path);
}

}  // namespace stack
