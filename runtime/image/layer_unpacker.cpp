#include "runtime/image/layer_unpacker.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr std::int64_t kMaxId = 0xfffffffe;  // (uid_t)-1 means "leave" to chown(2)
constexpr std::size_t kMaxXattrValue = 64u << 10;
constexpr int kWarningsPerKind = 5;

void throw_entry_errno(const std::string& doing) {
    throw_errno(doing);
}

uid_t checked_id(std::int64_t id, const ArchiveEntry& entry) {
    if (id < 0 || id > kMaxId)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("refused entry {}: owner {} is out of range", shown_name(entry.name), id)};
    return static_cast<uid_t>(id);
}

// The kernel clamps to what the file system holds, but refuses nanoseconds out of range.
timespec checked_time(timespec time) {
    if (time.tv_nsec < 0 || time.tv_nsec > 999'999'999) time.tv_nsec = 0;
    return time;
}

bool is_folder_at(int parent, const std::string& name) {
    struct stat info {};
    return ::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

// user.overlay.* would be taken for overlayfs' own marks where it is mounted with userxattr.
bool is_kept_xattr(std::string_view name) {
    if (name == "security.capability") return true;
    return name.starts_with("user.") && !name.starts_with("user.overlay.");
}

}  // namespace

LayerUnpacker::LayerUnpacker(int layer, const UnpackLimits& limits,
                             std::function<void(const std::string&)> warn)
    : layer_{layer}, limits_{limits}, warn_{std::move(warn)} {}

UnpackResult LayerUnpacker::unpack(ArchiveReader& archive) {
    while (const std::optional<ArchiveEntry> entry = archive.next()) {
        if (++result_.entries > limits_.entries)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the layer has more than {} entries", limits_.entries)};
        try {
            add(*entry, archive);
        } catch (Error& error) {
            if (error.message().find("refused entry") != std::string::npos) throw;
            throw error.add_context(fmt::format("unpack {}", shown_name(entry->name)));
        }
    }
    apply_whiteouts();
    apply_folder_times();
    if (!root_seen_) implicit_folders_.insert(std::string{});
    result_.implicit_folders.assign(implicit_folders_.begin(), implicit_folders_.end());
    std::sort(result_.opaque_folders.begin(), result_.opaque_folders.end());
    return std::move(result_);
}

void LayerUnpacker::add(const ArchiveEntry& entry, ArchiveReader& archive) {
    EntryName name = parse_entry_name(entry.name);
    switch (name.kind) {
        case EntryName::Kind::root:
            return add_root(entry);
        case EntryName::Kind::plain:
            return add_object(entry, name, archive);
        case EntryName::Kind::whiteout:
        case EntryName::Kind::opaque:
            // Applied at the end: they speak of lower layers only, whatever their place in the archive is.
            spend_memory(name.parent.size() + name.name.size());
            whiteouts_.push_back(std::move(name));
            return;
        case EntryName::Kind::ignored:
            return;
    }
}

void LayerUnpacker::add_object(const ArchiveEntry& entry, const EntryName& name, ArchiveReader& archive) {
    if (entry.type == EntryType::device || entry.type == EntryType::socket) {
        ++result_.left_out;
        return warn_about("device", fmt::format("left out the {} {}",
                                                entry.type == EntryType::device ? "device node" : "socket",
                                                shown_name(entry.name)));
    }
    const int parent = parent_folder(name.parent);
    switch (entry.type) {
        case EntryType::directory:
            return add_folder(entry, name, parent);
        case EntryType::symlink:
            return add_symlink(entry, name, parent);
        case EntryType::hard_link:
            return add_hard_link(entry, name, parent);
        case EntryType::fifo:
            return add_fifo(entry, name, parent);
        default:
            return add_file(entry, name, parent, archive);
    }
}

void LayerUnpacker::add_root(const ArchiveEntry& entry) {
    if (entry.type != EntryType::directory)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("refused entry {}: the root of a layer is a folder", shown_name(entry.name))};
    set_attributes(layer_, entry);
    remember_folder_time("", entry.modified);
    root_seen_ = true;
}

void LayerUnpacker::add_folder(const ArchiveEntry& entry, const EntryName& name, int parent) {
    if (::mkdirat(parent, name.name.c_str(), 0700) != 0) {
        if (errno != EEXIST) throw_entry_errno("create the folder");
        if (is_folder_at(parent, name.name)) {
            implicit_folders_.erase(name.path());  // now it is described
        } else {
            parent = remove_existing(name);
            if (::mkdirat(parent, name.name.c_str(), 0700) != 0) throw_entry_errno("create the folder");
        }
    }
    const UniqueFd folder{
        ::openat(parent, name.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!folder.valid()) throw_entry_errno("open the folder");
    set_attributes(folder.get(), entry);
    remember_folder_time(name.path(), entry.modified);
}

void LayerUnpacker::add_file(const ArchiveEntry& entry, const EntryName& name, int parent,
                             ArchiveReader& archive) {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd file{::openat(parent, name.name.c_str(), kFlags, 0600)};
    if (!file.valid() && errno == EEXIST) {
        file.reset(::openat(remove_existing(name), name.name.c_str(), kFlags, 0600));
    }
    if (!file.valid()) throw_entry_errno("create the file");
    result_.size += write_data(file.get(), entry, archive);
    set_attributes(file.get(), entry);
    const timespec times[2] = {checked_time(entry.modified), checked_time(entry.modified)};
    ::futimens(file.get(), times);
}

std::uint64_t LayerUnpacker::write_data(int file, const ArchiveEntry& entry, ArchiveReader& archive) {
    if (entry.size > limits_.bytes - std::min(limits_.bytes, result_.size))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("refused entry {}: it says that it has {} bytes, more than a "
                                "layer may have",
                                shown_name(entry.name), entry.size)};
    std::uint64_t end = 0;
    while (const std::optional<ArchiveReader::Block> block = archive.block()) {
        // libarchive ends an entry at its declared size; checked all the same, because the offset comes from a header.
        if (block->offset > entry.size || block->bytes.size() > entry.size - block->offset)
            throw Error{
                ErrorKind::invalid_input,
                fmt::format("refused entry {}: it has more data than it says", shown_name(entry.name))};
        Bytes left = block->bytes;
        std::uint64_t at = block->offset;
        while (!left.empty()) {
            const ssize_t written = ::pwrite(file, left.data(), left.size(), static_cast<off_t>(at));
            if (written < 0) {
                if (errno == EINTR) continue;
                throw_entry_errno("write the file");
            }
            left = left.subspan(static_cast<std::size_t>(written));
            at += static_cast<std::uint64_t>(written);
        }
        end = std::max(end, at);
    }
    if (end < entry.size && ::ftruncate(file, static_cast<off_t>(entry.size)) != 0)  // a hole at the end
        throw_entry_errno("set the file's size");
    return entry.size;
}

void LayerUnpacker::add_symlink(const ArchiveEntry& entry, const EntryName& name, int parent) {
    if (entry.link.empty())
        throw Error{ErrorKind::invalid_input,
                    fmt::format("refused entry {}: a link to nothing", shown_name(entry.name))};
    if (::symlinkat(entry.link.c_str(), parent, name.name.c_str()) != 0) {
        if (errno != EEXIST) throw_entry_errno("create the link");
        parent = remove_existing(name);
        if (::symlinkat(entry.link.c_str(), parent, name.name.c_str()) != 0)
            throw_entry_errno("create the link");
    }
    if (::fchownat(parent, name.name.c_str(), checked_id(entry.uid, entry), checked_id(entry.gid, entry),
                   AT_SYMLINK_NOFOLLOW) != 0)
        throw_entry_errno("set the link's owner");
    const timespec times[2] = {checked_time(entry.modified), checked_time(entry.modified)};
    ::utimensat(parent, name.name.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

void LayerUnpacker::add_hard_link(const ArchiveEntry& entry, const EntryName& name, int parent) {
    const EntryName target = parse_entry_name(entry.link);
    if (target.kind != EntryName::Kind::plain)
        throw Error{ErrorKind::invalid_input, fmt::format("refused entry {}: it can't be another name of {}",
                                                          shown_name(entry.name), shown_name(entry.link))};
    const UniqueFd target_parent = try_open_at(layer_, target.parent.empty() ? "." : target.parent,
                                               O_PATH | O_DIRECTORY, Resolve::in_root);
    struct stat info {};
    if (!target_parent.valid() ||
        ::fstatat(target_parent.get(), target.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        S_ISDIR(info.st_mode))
        throw Error{ErrorKind::invalid_input, fmt::format("refused entry {}: {} is no file of this layer",
                                                          shown_name(entry.name), shown_name(entry.link))};
    if (target.path() == name.path()) return;
    // linkat without AT_SYMLINK_FOLLOW: a link to a link is the link itself.
    if (::linkat(target_parent.get(), target.name.c_str(), parent, name.name.c_str(), 0) == 0) return;
    if (errno != EEXIST) throw_entry_errno("create the hard link");
    // The name exists already; when it is the same file there is nothing to do, and removing it could lose the last.
    struct stat existing {};
    if (::fstatat(parent, name.name.c_str(), &existing, AT_SYMLINK_NOFOLLOW) == 0 &&
        existing.st_ino == info.st_ino)
        return;
    parent = remove_existing(name);
    if (::linkat(target_parent.get(), target.name.c_str(), parent, name.name.c_str(), 0) != 0)
        throw_entry_errno("create the hard link");
}

void LayerUnpacker::add_fifo(const ArchiveEntry& entry, const EntryName& name, int parent) {
    if (::mkfifoat(parent, name.name.c_str(), 0600) != 0) {
        if (errno != EEXIST) throw_entry_errno("create the pipe");
        parent = remove_existing(name);
        if (::mkfifoat(parent, name.name.c_str(), 0600) != 0) throw_entry_errno("create the pipe");
    }
    // A FIFO can't be opened without waiting for its other side; O_PATH can't be chmod-ed. The name is ours alone.
    if (::fchownat(parent, name.name.c_str(), checked_id(entry.uid, entry), checked_id(entry.gid, entry),
                   AT_SYMLINK_NOFOLLOW) != 0 ||
        ::fchmodat(parent, name.name.c_str(), entry.permissions, 0) != 0)
        throw_entry_errno("set the pipe's owner and mode");
}

void LayerUnpacker::set_attributes(int fd, const ArchiveEntry& entry) {
    // Owner first: chown clears set-id bits and file capabilities.
    if (::fchown(fd, checked_id(entry.uid, entry), checked_id(entry.gid, entry)) != 0)
        throw_entry_errno("set the owner");
    if (::fchmod(fd, entry.permissions) != 0) throw_entry_errno("set the mode");
    if (!entry.xattrs.empty()) set_xattrs(fd, entry);
}

void LayerUnpacker::set_xattrs(int fd, const ArchiveEntry& entry) {
    for (const auto& [name, value] : entry.xattrs) {
        if (!is_kept_xattr(name)) {
            ++result_.left_out;
            // SELinux labels are in every image of some distributions and mean nothing in another policy.
            if (name != "security.selinux")
                warn_about("xattr", fmt::format("left out the attribute {} of {}", shown_name(name),
                                                shown_name(entry.name)));
            continue;
        }
        if (value.size() > kMaxXattrValue)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("refused entry {}: attribute {} is larger than 64 KiB",
                                    shown_name(entry.name), shown_name(name))};
        if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0)
            throw_entry_errno(fmt::format("set attribute {}", shown_name(name)));
    }
}

int LayerUnpacker::parent_folder(const std::string& path) {
    if (path.empty()) return layer_;
    if (cached_parent_.valid() && cached_path_ == path) return cached_parent_.get();
    UniqueFd folder = try_open_at(layer_, path, O_PATH | O_DIRECTORY, Resolve::in_root);
    if (!folder.valid()) {
        if (errno != ENOENT) throw_entry_errno(fmt::format("open the folder {}", shown_name(path)));
        folder = make_parents(path);
    }
    cached_parent_ = std::move(folder);
    cached_path_ = path;
    return cached_parent_.get();
}

UniqueFd LayerUnpacker::make_parents(const std::string& path) {
    UniqueFd current = open_at(layer_, ".", O_PATH | O_DIRECTORY, Resolve::in_root);
    for (std::size_t end = 0; end < path.size();) {
        const std::size_t start = end == 0 ? 0 : end + 1;
        end = std::min(path.find('/', start), path.size());
        const std::string so_far = path.substr(0, end), name = path.substr(start, end - start);
        // From the layer's root each time, because a part may be a link that only the layer may act as root for.
        UniqueFd next = try_open_at(layer_, so_far, O_PATH | O_DIRECTORY, Resolve::in_root);
        if (!next.valid() && errno == ENOENT) {
            if (::mkdirat(current.get(), name.c_str(), 0755) == 0) {
                spend_memory(so_far.size());
                implicit_folders_.insert(so_far);
            } else if (errno != EEXIST) {
                throw_entry_errno(fmt::format("create the folder {}", shown_name(so_far)));
            }
            next = try_open_at(layer_, so_far, O_PATH | O_DIRECTORY, Resolve::in_root);
        }
        if (!next.valid()) throw_entry_errno(fmt::format("open the folder {}", shown_name(so_far)));
        current = std::move(next);
    }
    return current;
}

int LayerUnpacker::remove_existing(const EntryName& name) {
    remove_tree_at(parent_folder(name.parent), name.name);
    cached_parent_.reset();  // what was removed may have been on the way to it
    cached_path_.clear();
    return parent_folder(name.parent);
}

void LayerUnpacker::remember_folder_time(std::string path, timespec modified) {
    spend_memory(path.size());
    folder_times_.push_back({std::move(path), checked_time(modified)});
}

void LayerUnpacker::apply_whiteouts() {
    for (const EntryName& whiteout : whiteouts_) {
        try {
            apply_whiteout(whiteout);
        } catch (Error& error) {
            throw error.add_context(fmt::format("apply the whiteout of {}", shown_name(whiteout.path())));
        }
    }
}

void LayerUnpacker::apply_whiteout(const EntryName& whiteout) {
    const int parent = parent_folder(whiteout.parent);
    if (whiteout.kind == EntryName::Kind::opaque) {
        result_.opaque_folders.push_back(whiteout.parent);
        return;
    }
    struct stat info {};
    if (::fstatat(parent, whiteout.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
        // This layer has something of that name: a file hides the lower one by itself, a folder must not merge.
        if (S_ISDIR(info.st_mode)) result_.opaque_folders.push_back(whiteout.path());
        return;
    }
    // overlayfs' whiteout, a character device 0:0, needs no privilege (Linux 5.8).
    if (::mknodat(parent, whiteout.name.c_str(), S_IFCHR, 0) != 0) throw_entry_errno("create it");
}

void LayerUnpacker::apply_folder_times() {
    for (const FolderTime& folder : folder_times_) {
        const UniqueFd fd = try_open_at(layer_, folder.path.empty() ? "." : folder.path,
                                        O_RDONLY | O_DIRECTORY | O_NONBLOCK, Resolve::beneath_no_links);
        if (!fd.valid()) continue;  // replaced by a later entry, or reached through a link of the layer
        const timespec times[2] = {folder.modified, folder.modified};
        ::futimens(fd.get(), times);
    }
}

void LayerUnpacker::warn_about(const std::string& kind, const std::string& sentence) {
    const int count = ++warnings_[kind];
    if (count <= kWarningsPerKind) warn_(sentence);
    if (count == kWarningsPerKind + 1) warn_(fmt::format("more of the kind: {}", sentence));
}

void LayerUnpacker::spend_memory(std::size_t bytes) {
    constexpr std::size_t kOverhead = 64;
    remembered_ += bytes + kOverhead;
    if (remembered_ > limits_.remembered_bytes)
        throw Error{ErrorKind::invalid_input, "the layer has too many folders or whiteouts"};
}

void inherit_folder_attributes(int layer, const std::vector<std::string>& folders,
                               const std::vector<int>& lower) {
    for (const std::string& path : folders) {
        const std::string where = path.empty() ? "." : path;
        const UniqueFd folder = try_open_at(layer, where, O_RDONLY | O_DIRECTORY, Resolve::beneath_no_links);
        if (!folder.valid()) continue;
        for (const int below : lower) {
            const UniqueFd source =
                try_open_at(below, where, O_PATH | O_DIRECTORY, Resolve::beneath_no_links);
            struct stat info {};
            if (!source.valid() || ::fstat(source.get(), &info) != 0) continue;
            if (::fchown(folder.get(), info.st_uid, info.st_gid) != 0 ||
                ::fchmod(folder.get(), info.st_mode & 07777) != 0)
                throw_errno(fmt::format("set the attributes of the folder {}", shown_name(path)));
            break;
        }
    }
}

std::vector<std::string> hide_lower_roots(int layer, const std::vector<int>& lower) {
    std::vector<std::string> opaque;
    for (const int below : lower) {
        const UniqueFd root = open_at(below, ".", O_RDONLY | O_DIRECTORY, Resolve::beneath_no_links);
        for (const std::string& name : list_directory_at(root.get())) {
            struct stat info {};
            if (::fstatat(layer, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
                if (S_ISDIR(info.st_mode)) opaque.push_back(name);
            } else if (::mknodat(layer, name.c_str(), S_IFCHR, 0) != 0) {
                throw_errno(fmt::format("hide {}", shown_name(name)));
            }
        }
    }
    return opaque;
}

}  // namespace stack::image
