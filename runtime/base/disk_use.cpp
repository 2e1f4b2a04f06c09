#include "runtime/base/disk_use.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr std::uint64_t kStatBlock = 512;  // the unit of st_blocks, whatever the file system's blocks are

// A folder on the way down: what of it is still to be looked at, and who it is, to be recognised on the way up.
struct OpenFolder {
    std::vector<std::string> names;
    dev_t device = 0;
    ino_t inode = 0;
};

UniqueFd open_folder_at(int dir, const char* name) {
    return UniqueFd{::openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

}  // namespace

std::uint64_t DiskCounter::first_sight(const struct stat& info) {
    const bool again =
        !S_ISDIR(info.st_mode) && info.st_nlink > 1 && !seen_.emplace(info.st_dev, info.st_ino).second;
    return again ? 0 : static_cast<std::uint64_t>(info.st_blocks) * kStatBlock;
}

std::uint64_t DiskCounter::object(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0) return first_sight(info);
    if (errno == ENOENT || errno == ENOTDIR) return 0;
    throw_errno(fmt::format("measure '{}'", path));
}

std::uint64_t DiskCounter::tree(const std::string& path) {
    std::uint64_t bytes = object(path);
    UniqueFd folder = open_folder_at(AT_FDCWD, path.c_str());
    if (!folder.valid()) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return bytes;
        throw_errno(fmt::format("measure '{}'", path));
    }
    const auto enter = [](int fd) {
        struct stat info {};
        if (::fstat(fd, &info) != 0) throw_errno("measure a folder");
        return OpenFolder{list_directory_at(fd), info.st_dev, info.st_ino};
    };
    std::vector<OpenFolder> way{enter(folder.get())};
    for (;;) {
        if (way.back().names.empty()) {
            way.pop_back();
            if (way.empty()) return bytes;
            folder = open_folder_at(folder.get(), "..");
            struct stat info {};
            if (!folder.valid() || ::fstat(folder.get(), &info) != 0)
                throw_errno(fmt::format("measure '{}'", path));
            if (info.st_ino != way.back().inode || info.st_dev != way.back().device)
                throw Error{ErrorKind::conflict, fmt::format("'{}' changed while it was measured", path)}
                    .with_hint("try again when nothing moves folders in it");
            continue;
        }
        const std::string name = std::move(way.back().names.back());
        way.back().names.pop_back();
        struct stat info {};
        if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) continue;
            throw_errno(fmt::format("measure '{}' in '{}'", name, path));
        }
        bytes += first_sight(info);
        if (!S_ISDIR(info.st_mode)) continue;
        UniqueFd child = open_folder_at(folder.get(), name.c_str());
        if (child.valid()) {
            folder = std::move(child);
            way.push_back(enter(folder.get()));
        } else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
            throw_errno(fmt::format("measure '{}' in '{}'", name, path));
        }
    }
}

}  // namespace stack
