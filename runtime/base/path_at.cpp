#include "runtime/base/path_at.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace stack {

namespace {

std::uint64_t resolve_flags(Resolve resolve) {
    switch (resolve) {
        case Resolve::beneath:
            return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
        case Resolve::beneath_no_links:
            return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
        case Resolve::in_root:
            return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    }
    return RESOLVE_BENEATH;
}

struct DirCloser {
    void operator()(DIR* dir) const { ::closedir(dir); }
};
using DirStream = std::unique_ptr<DIR, DirCloser>;

std::vector<std::string> names_in(UniqueFd dir, std::string_view what) {
    DirStream stream{::fdopendir(dir.get())};
    if (!stream) throw_errno(fmt::format("list '{}'", what));
    static_cast<void>(dir.release());
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name{entry->d_name};
        if (name != "." && name != "..") names.emplace_back(name);
        errno = 0;
    }
    if (errno != 0) throw_errno(fmt::format("list '{}'", what));
    std::sort(names.begin(), names.end());
    return names;
}

// Removes a tree that strangers made, by descriptors, never by a path: nobody can swap a component under us. Each level costs
// a descriptor and a stack frame, so what lies too deep is moved up to the tree's top and removed from there.
class TreeRemoval {
  public:
    /// The errno of the first failure, 0 when all is gone.
    int run(int dir, const std::string& name) {
        remove(dir, name, 0);
        return first_error_;
    }

  private:
    static constexpr int kMaxDepth = 64;

    void fail(int error) {
        if (first_error_ == 0) first_error_ = error;
    }

    void remove(int dir, const std::string& name, int depth) {
        if (::unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return;
        if (errno != EISDIR && errno != EPERM) return fail(errno);
        if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
        if (errno != ENOTEMPTY && errno != EEXIST) return fail(errno);
        if (depth == kMaxDepth) return move_up(dir, name);
        const UniqueFd child{::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!child.valid()) return fail(errno);
        if (depth == 0) top_ = child.get();
        std::size_t moved_before = 0;
        do {
            moved_before = moved_;
            for (const std::string& entry : list_directory_at(child.get()))
                remove(child.get(), entry, depth + 1);
        } while (depth == 0 && moved_ != moved_before);
        if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) fail(errno);
    }

    void move_up(int dir, const std::string& name) {
        const std::string unused = random_hex(16);
        if (::renameat2(dir, name.c_str(), top_, unused.c_str(), RENAME_NOREPLACE) != 0) return fail(errno);
        ++moved_;
    }

    int top_ = -1;
    std::size_t moved_ = 0;
    int first_error_ = 0;
};

}  // namespace

UniqueFd try_open_at(int dir, const std::string& path, std::uint64_t flags, Resolve resolve, mode_t mode) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.mode = mode;
    how.resolve = resolve_flags(resolve);
    long fd;
    do {
        fd = ::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how);
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN));  // EAGAIN: a rename raced with the lookup
    return UniqueFd{static_cast<int>(fd)};
}

UniqueFd open_at(int dir, const std::string& path, std::uint64_t flags, Resolve resolve, mode_t mode) {
    UniqueFd fd = try_open_at(dir, path, flags, resolve, mode);
    if (!fd.valid()) throw_errno(fmt::format("open '{}'", path));
    return fd;
}

UniqueFd open_directory(const std::string& path) {
    UniqueFd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd.valid()) throw_errno(fmt::format("open directory '{}'", path));
    return fd;
}

UniqueFd make_directories_at(int dir, const std::string& path, mode_t mode) {
    std::string done;
    std::size_t start = 0;
    UniqueFd current = open_at(dir, ".", O_PATH | O_DIRECTORY, Resolve::in_root);
    while (start < path.size()) {
        const std::size_t slash = std::min(path.find('/', start), path.size());
        const std::string part = path.substr(start, slash - start);
        start = slash + 1;
        if (part.empty() || part == ".") continue;
        if (!done.empty()) done += '/';
        done += part;
        // From the top each time: a component may be a symlink, and only `dir` may act as its root.
        UniqueFd next = try_open_at(dir, done, O_PATH | O_DIRECTORY, Resolve::in_root);
        if (!next.valid() && errno == ENOENT) {
            if (::mkdirat(current.get(), part.c_str(), mode) != 0 && errno != EEXIST)
                throw_errno(fmt::format("create directory '{}'", done));
            next = try_open_at(dir, done, O_PATH | O_DIRECTORY, Resolve::in_root);
        }
        if (!next.valid()) throw_errno(fmt::format("open directory '{}'", done));
        current = std::move(next);
    }
    return current;
}

void make_directories(const std::string& path, mode_t mode) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (!part.empty() && ::mkdir(part.c_str(), mode) != 0 && errno != EEXIST)
            throw_errno(fmt::format("create directory '{}'", part));
        if (slash == std::string::npos) return;
    }
}

std::optional<std::string> read_file_if_exists(const std::string& path, std::size_t limit) {
    UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd.valid()) {
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        throw_errno(fmt::format("open '{}'", path));
    }
    return read_all(fd.get(), fmt::format("'{}'", path), limit);
}

std::string read_file(const std::string& path, std::size_t limit) {
    UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd.valid()) throw_errno(fmt::format("open '{}'", path));
    return read_all(fd.get(), fmt::format("'{}'", path), limit);
}

void remove_tree_at(int dir, const std::string& name) {
    if (const int error = TreeRemoval{}.run(dir, name); error != 0)
        throw Error::from_errno(error, fmt::format("remove '{}'", name));
}

void remove_tree(const std::string& path) {
    if (const int error = TreeRemoval{}.run(AT_FDCWD, path); error != 0)
        throw Error::from_errno(error, fmt::format("remove '{}'", path));
}

std::vector<std::string> list_directory(const std::string& path) {
    UniqueFd dir{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!dir.valid()) {
        if (errno == ENOENT) return {};
        throw_errno(fmt::format("open directory '{}'", path));
    }
    return names_in(std::move(dir), path);
}

std::vector<std::string> list_directory_at(int dir) {
    // A descriptor of its own: fdopendir takes it, and the position is not shared.
    UniqueFd own{::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!own.valid()) throw_errno("list a directory");
    return names_in(std::move(own), "a directory");
}

bool path_exists(const std::string& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0;
}

}  // namespace stack
