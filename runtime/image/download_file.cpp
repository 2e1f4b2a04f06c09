#include "runtime/image/download_file.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/reference.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <fmt/format.h>

namespace stack::image {

DownloadFile::DownloadFile(int folder, const Descriptor& blob)
    : folder_{folder}, name_{digest_hex(blob.digest)}, size_{blob.size} {
    open();
    static_cast<void>(try_own());
}

void DownloadFile::open() {
    UniqueFd file = open_at(folder_, name_, O_RDWR | O_CREAT | O_NONBLOCK, Resolve::beneath_no_links, 0600);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
        throw Error{ErrorKind::failed, fmt::format("download '{}' is no file", name_)};
    // Under the number that a reader may be using at this moment.
    if (!file_.valid())
        file_ = std::move(file);
    else if (::dup3(file.get(), file_.get(), O_CLOEXEC) < 0)
        throw_errno(fmt::format("open download '{}' anew", name_));
}

bool DownloadFile::try_own() {
    while (!owned_) {
        if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR) continue;
            if (errno == EWOULDBLOCK) return false;
            throw_errno(fmt::format("lock download '{}'", name_));
        }
        struct stat info {};
        if (::fstat(file_.get(), &info) != 0) throw_errno(fmt::format("look at download '{}'", name_));
        const bool published = info.st_nlink > 0 && static_cast<std::uint64_t>(info.st_size) == size_;
        if (has_its_name() || published)
            owned_ = true;
        else
            open();  // removed as wrong, or cleared away
    }
    return true;
}

bool DownloadFile::has_its_name() const {
    struct stat ours {
    }, named{};
    return ::fstat(file_.get(), &ours) == 0 &&
           ::fstatat(folder_, name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

std::uint64_t DownloadFile::bytes() const {
    struct stat info {};
    if (::fstat(file_.get(), &info) != 0) throw_errno(fmt::format("look at download '{}'", name_));
    return static_cast<std::uint64_t>(info.st_size);
}

bool DownloadFile::clear() const {
    if (!has_its_name()) return false;
    if (::ftruncate(file_.get(), 0) != 0) throw_errno(fmt::format("empty download '{}'", name_));
    return true;
}

void DownloadFile::remove() const {
    if (has_its_name() && ::unlinkat(folder_, name_.c_str(), 0) != 0 && errno != ENOENT)
        throw_errno(fmt::format("remove download '{}'", name_));
}

UniqueFd open_stored_blob(int store_blobs, const Descriptor& blob) {
    UniqueFd file =
        try_open_at(store_blobs, digest_hex(blob.digest), O_RDONLY | O_NONBLOCK, Resolve::beneath_no_links);
    struct stat info {};
    if (file.valid() && (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
                         static_cast<std::uint64_t>(info.st_size) != blob.size))
        file.reset();
    return file;
}

}  // namespace stack::image
