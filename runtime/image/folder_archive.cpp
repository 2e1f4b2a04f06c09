#include "runtime/image/folder_archive.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/entry_name.hpp"
#include "runtime/image/tar_writer.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::image {

namespace {

class FolderWalk {
  public:
    FolderWalk(const ByteSink& sink, const std::function<void(const std::string&)>& warn)
        : writer_{sink}, warn_{warn} {}

    void run(int folder) {
        struct stat info {};
        if (::fstat(folder, &info) != 0) throw_errno("read the folder");
        writer_.header(entry_of("./", info, folder));
        walk(folder, "", 0);
        writer_.end_of_archive();
    }

  private:
    void walk(int folder, const std::string& path, std::size_t depth) {
        if (depth >= kMaxEntryDepth)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("{} is nested deeper than {} folders", shown_name(path), kMaxEntryDepth)};
        for (const std::string& name : list_directory_at(folder)) {
            const std::string child = path.empty() ? name : path + '/' + name;
            if (name.starts_with(".wh."))
                throw Error{ErrorKind::invalid_input,
                            fmt::format("{}: names that begin with '.wh.' mean removal in an image",
                                        shown_name(child))};
            add(folder, name, child, depth);
        }
    }

    void add(int folder, const std::string& name, const std::string& path, std::size_t depth) {
        struct stat info {};
        if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
            throw_errno(fmt::format("read {}", shown_name(path)));
        if (!S_ISDIR(info.st_mode) && info.st_nlink > 1 && add_as_link(info, path)) return;
        switch (info.st_mode & S_IFMT) {
            case S_IFDIR:
                return add_folder(folder, name, path, depth);
            case S_IFREG:
                return add_file(folder, name, path);
            case S_IFLNK:
                return add_symlink(folder, name, path, info);
            case S_IFIFO:
                return writer_.header(entry_of(path, info, -1));
            default:
                warn_(fmt::format("left out the device or socket {}", shown_name(path)));
        }
    }

    bool add_as_link(const struct stat& info, const std::string& path) {
        if (!S_ISREG(info.st_mode)) return false;
        const auto [first, fresh] = seen_.try_emplace({info.st_dev, info.st_ino}, path);
        if (fresh) return false;
        ArchiveEntry entry = entry_of(path, info, -1);
        entry.type = EntryType::hard_link;
        entry.link = first->second;
        entry.size = 0;
        writer_.header(entry);
        return true;
    }

    void add_folder(int folder, const std::string& name, const std::string& path, std::size_t depth) {
        const UniqueFd child{::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        struct stat info {};
        if (!child.valid() || ::fstat(child.get(), &info) != 0)
            throw_errno(fmt::format("open {}", shown_name(path)));
        writer_.header(entry_of(path, info, child.get()));
        walk(child.get(), path, depth + 1);
    }

    void add_symlink(int folder, const std::string& name, const std::string& path, const struct stat& info) {
        std::array<char, PATH_MAX> target;
        const ssize_t length = ::readlinkat(folder, name.c_str(), target.data(), target.size());
        if (length < 0) throw_errno(fmt::format("read the link {}", shown_name(path)));
        ArchiveEntry entry = entry_of(path, info, -1);
        entry.link.assign(target.data(), static_cast<std::size_t>(length));
        writer_.header(entry);
    }

    void add_file(int folder, const std::string& name, const std::string& path) {
        const UniqueFd file{::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
        struct stat info {};
        if (!file.valid() || ::fstat(file.get(), &info) != 0)
            throw_errno(fmt::format("open {}", shown_name(path)));
        if (!S_ISREG(info.st_mode))
            throw Error{ErrorKind::failed, fmt::format("{} changed while it was read", shown_name(path))};
        const ArchiveEntry entry = entry_of(path, info, file.get());
        writer_.header(entry);
        try {
            produce_file(file.get(), 0, entry.size)([this](Bytes bytes) { writer_.data(bytes); });
        } catch (Error& error) {
            throw error.add_context(fmt::format("read {}", shown_name(path)));
        }
        writer_.end_of_entry();
    }

    // `fd` is -1 for objects whose extended attributes don't travel.
    static ArchiveEntry entry_of(const std::string& path, const struct stat& info, int fd) {
        ArchiveEntry entry;
        entry.name = path;
        switch (info.st_mode & S_IFMT) {
            case S_IFDIR:
                entry.type = EntryType::directory;
                break;
            case S_IFLNK:
                entry.type = EntryType::symlink;
                break;
            case S_IFIFO:
                entry.type = EntryType::fifo;
                break;
            default:
                entry.type = EntryType::file;
        }
        entry.permissions = info.st_mode & 07777;
        entry.uid = info.st_uid;
        entry.gid = info.st_gid;
        entry.modified = {info.st_mtim.tv_sec, 0};
        entry.size = entry.type == EntryType::file ? static_cast<std::uint64_t>(info.st_size) : 0;
        if (fd >= 0) entry.xattrs = xattrs_of(fd);
        return entry;
    }

    static std::vector<std::pair<std::string, std::string>> xattrs_of(int fd) {
        std::vector<std::pair<std::string, std::string>> result;
        std::vector<char> names(64u << 10), value(64u << 10);
        const ssize_t length = ::flistxattr(fd, names.data(), names.size());
        for (ssize_t at = 0; at < length;) {
            const std::string name{names.data() + at};
            at += static_cast<ssize_t>(name.size()) + 1;
            if (name != "security.capability" && !name.starts_with("user.")) continue;
            const ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
            if (size >= 0)
                result.emplace_back(name, std::string{value.data(), static_cast<std::size_t>(size)});
        }
        std::sort(result.begin(), result.end());
        return result;
    }

    TarWriter writer_;
    const std::function<void(const std::string&)>& warn_;
    std::map<std::pair<dev_t, ino_t>, std::string> seen_;
};

}  // namespace

ByteProducer archive_folder(int folder, std::function<void(const std::string&)> warn) {
    return [folder, warn = std::move(warn)](const ByteSink& sink) { FolderWalk{sink, warn}.run(folder); };
}

}  // namespace stack::image
