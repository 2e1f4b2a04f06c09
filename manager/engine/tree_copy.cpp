#include "manager/engine/tree_copy.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::engine {

namespace {

constexpr int kMaxTreeDepth = 300;  // layers nest at most 256 deep

bool travels(std::string_view attribute) {
    return attribute == "security.capability" || attribute.starts_with("user.");
}

void copy_xattrs(int from, int to) {
    std::vector<char> names(64u << 10), value(64u << 10);
    const ssize_t length = ::flistxattr(from, names.data(), names.size());
    for (ssize_t at = 0; at < length;) {
        const std::string name{names.data() + at};
        at += static_cast<ssize_t>(name.size()) + 1;
        if (!travels(name)) continue;
        const ssize_t size = ::fgetxattr(from, name.c_str(), value.data(), value.size());
        if (size < 0) throw_errno(fmt::format("read attribute {}", name));
        // A file system without attributes loses them, as cp does.
        if (::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(size), 0) != 0 &&
            errno != EOPNOTSUPP)
            throw_errno(fmt::format("set attribute {}", name));
    }
}

void copy_by_hand(int from, int to, off_t start, off_t end) {
    std::vector<char> buffer(256u << 10);
    while (start < end) {
        const std::size_t wanted = std::min(buffer.size(), static_cast<std::size_t>(end - start));
        const ssize_t got = ::pread(from, buffer.data(), wanted, start);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_errno("read");
        if (got == 0) return;  // it was cut meanwhile
        for (ssize_t done = 0; done < got;) {
            const ssize_t written =
                ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done), start + done);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) throw_errno("write");
            done += written;
        }
        start += got;
    }
}

void copy_range(int from, int to, off_t start, off_t end) {
    off_t in = start, out = start;
    while (in < end) {
        const ssize_t copied = ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(end - in), 0);
        if (copied > 0) continue;
        if (copied == 0) return;
        // Between two file systems, or below one that can't.
        if (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)
            return copy_by_hand(from, to, in, end);
        throw_errno("copy");
    }
}

// Only what is data; the rest stays a hole.
void copy_content(int from, int to, off_t size) {
    for (off_t at = 0; at < size;) {
        const off_t data = ::lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;  // a hole to the end
        if (data < 0) {
            copy_range(from, to, at, size);
            break;
        }
        const off_t hole = ::lseek(from, data, SEEK_HOLE);
        const off_t end = hole < 0 ? size : std::min(hole, size);
        copy_range(from, to, data, end);
        at = end;
    }
    if (::ftruncate(to, size) != 0) throw_errno("set the size");
}

class TreeCopy {
  public:
    explicit TreeCopy(int destination_root) : root_{destination_root} {}

    void copy_folder(int from, int to, const std::string& relative, int depth) {
        if (depth > kMaxTreeDepth) throw Error{ErrorKind::invalid_input, "the directory nests too deep"};
        for (const std::string& name : list_directory_at(from)) {
            const std::string path = relative.empty() ? name : relative + '/' + name;
            try {
                copy_entry(from, to, name, path, depth);
            } catch (Error& error) {
                if (!error.context().empty()) throw;  // the innermost names it
                throw error.add_context(fmt::format("copy '{}'", path));
            }
        }
    }

  private:
    void copy_entry(int from, int to, const std::string& name, const std::string& path, int depth) {
        struct stat info {};
        if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) throw_errno("look at it");
        if (!S_ISDIR(info.st_mode) && info.st_nlink > 1 && linked(info, to, name, path)) return;
        switch (info.st_mode & S_IFMT) {
            case S_IFDIR:
                return copy_subfolder(from, to, name, path, info, depth);
            case S_IFLNK:
                return copy_link(from, to, name, info);
            case S_IFREG:
                return copy_file(from, to, name, info);
            case S_IFIFO:
                return copy_pipe(to, name, info);
            default:
                return;  // devices and sockets
        }
    }

    // Hard links inside the tree stay links. The first name is copied, whoever comes later gets a link to it. linkat would
    // follow a link in the middle of a path out of the tree, so it gets the first one's folder, and a name in it.
    bool linked(const struct stat& info, int to, const std::string& name, const std::string& path) {
        const auto [known, inserted] = links_.try_emplace({info.st_dev, info.st_ino}, path);
        if (inserted) return false;
        const std::size_t slash = known->second.rfind('/');
        const std::string folder = slash == std::string::npos ? "." : known->second.substr(0, slash);
        const std::string first = known->second.substr(slash + 1);
        const UniqueFd parent = try_open_at(root_, folder, O_PATH | O_DIRECTORY, Resolve::beneath_no_links);
        return parent.valid() && ::linkat(parent.get(), first.c_str(), to, name.c_str(), 0) == 0;
    }

    void copy_subfolder(int from, int to, const std::string& name, const std::string& path,
                        const struct stat& info, int depth) {
        const UniqueFd source{::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!source.valid() || ::mkdirat(to, name.c_str(), 0700) != 0) throw_errno("make the folder");
        const UniqueFd target{::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!target.valid()) throw_errno("open the folder");
        copy_folder(source.get(), target.get(), path, depth + 1);
        copy_attributes(source.get(), target.get(), info);
    }

    static void copy_link(int from, int to, const std::string& name, const struct stat& info) {
        std::array<char, 4097> target{};
        const ssize_t length = ::readlinkat(from, name.c_str(), target.data(), target.size() - 1);
        if (length < 0 || ::symlinkat(target.data(), to, name.c_str()) != 0) throw_errno("make the link");
        set_by_name(to, name, info);
    }

    static void copy_pipe(int to, const std::string& name, const struct stat& info) {
        if (::mkfifoat(to, name.c_str(), 0600) != 0) throw_errno("make the pipe");
        set_by_name(to, name, info);
        // Not at once with mkfifoat: the umask, which is the whole process's, would have its say.
        if (::fchmodat(to, name.c_str(), info.st_mode & 07777, AT_SYMLINK_NOFOLLOW) != 0)
            throw_errno("set the mode");
    }

    // For what can't be opened.
    static void set_by_name(int to, const std::string& name, const struct stat& info) {
        const std::array<timespec, 2> times{info.st_atim, info.st_mtim};
        if (::fchownat(to, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0 ||
            ::utimensat(to, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
            throw_errno("set owner and time");
    }

    static void copy_file(int from, int to, const std::string& name, const struct stat& info) {
        const UniqueFd source{::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
        const UniqueFd target{
            ::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (!source.valid() || !target.valid()) throw_errno("open it");
        copy_content(source.get(), target.get(), info.st_size);
        copy_attributes(source.get(), target.get(), info);
    }

    int root_;
    std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

// Owner first: chown clears set-id bits and file capabilities.
void copy_attributes(int from, int to, const struct stat& info) {
    if (::fchown(to, info.st_uid, info.st_gid) != 0 || ::fchmod(to, info.st_mode & 07777) != 0)
        throw_errno("set owner and mode");
    copy_xattrs(from, to);
    const std::array<timespec, 2> times{info.st_atim, info.st_mtim};
    if (::futimens(to, times.data()) != 0) throw_errno("set the time");
}

void copy_tree(int from, int to) {
    struct stat info {};
    if (::fstat(from, &info) != 0) throw_errno("look at the folder");
    TreeCopy{to}.copy_folder(from, to, "", 0);
    copy_attributes(from, to, info);
}

}  // namespace stack::engine
