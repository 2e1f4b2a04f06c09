#include "manager/logs/log_writer.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::logs {

namespace {

constexpr std::int64_t kIndexGrainNs = 1'000'000;  // bytes of one stream share an entry for so long

off_t entry_position(std::uint64_t index) {
    return static_cast<off_t>(sizeof(IndexEntry) * (index + 1));
}

IndexEntry header(std::int64_t time_ns) {
    IndexEntry result;
    ::memcpy(&result.place, kIndexMagic, sizeof kIndexMagic);
    result.time_ns = time_ns;
    return result;
}

void write_entry(int fd, const IndexEntry& entry, off_t at) {
    const ssize_t done = ::pwrite(fd, &entry, sizeof entry, at);
    if (done < 0) throw_errno("write log index");
    if (done != static_cast<ssize_t>(sizeof entry)) throw Error::from_errno(ENOSPC, "write log index");
}

std::optional<IndexEntry> read_entry(int fd, off_t at) {
    IndexEntry entry;
    if (::pread(fd, &entry, sizeof entry, at) != static_cast<ssize_t>(sizeof entry)) return std::nullopt;
    return entry;
}

struct stat file_status(int fd, std::string_view what) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) throw_errno(what);
    return info;
}

}  // namespace

LogWriter::LogWriter(const LogTarget& target)
    : target_{target}, directory_{open_directory(target.directory)} {
    if (target_.name.empty() || target_.name.find('/') != std::string::npos || target_.max_size_bytes == 0 ||
        target_.max_size_bytes > kOffsetMask || target_.max_files == 0)
        throw Error{ErrorKind::internal, fmt::format("'{}' is no usable log target", target_.name)};
    const std::vector<std::uint64_t> present = list_generations(target_.directory, target_.name);
    open_generation(present.empty() ? 0 : present.back());
    recover();
    for (const std::uint64_t old : present)
        if (old + target_.max_files <= generation_) remove_generation(old);
}

// The index first: a .log never lacks one.
void LogWriter::open_generation(std::uint64_t generation) {
    const auto open_file = [&](const std::string& name) {
        UniqueFd fd{
            ::openat(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
        if (!fd.valid()) throw_errno(fmt::format("open '{}/{}'", target_.directory, name));
        return fd;
    };
    UniqueFd index = open_file(index_file_name(target_.name, generation));
    const std::optional<IndexEntry> first = read_entry(index.get(), 0);
    if (!first || ::memcmp(&first->place, kIndexMagic, sizeof kIndexMagic) != 0) {
        if (::ftruncate(index.get(), 0) != 0) throw_errno("truncate log index");
        write_entry(index.get(), header(last_time_ns_), 0);
    }
    UniqueFd log = open_file(log_file_name(target_.name, generation));
    log_ = std::move(log);
    index_ = std::move(index);
    generation_ = generation;
    size_ = 0;
    entries_ = 0;
}

// After a kill there is nothing to repair but a torn last entry, which a full disk may have left. After a power cut
// entries may speak of bytes that were never written, or bytes may have lost their entries.
void LogWriter::recover() {
    size_ = static_cast<std::uint64_t>(file_status(log_.get(), "look at log file").st_size);
    const auto index_bytes =
        static_cast<std::uint64_t>(file_status(index_.get(), "look at log index").st_size);
    entries_ = index_bytes / sizeof(IndexEntry) - 1;
    if (const std::optional<IndexEntry> first = read_entry(index_.get(), 0)) last_time_ns_ = first->time_ns;
    while (entries_ > 0) {
        const std::optional<IndexEntry> entry = read_entry(index_.get(), entry_position(entries_ - 1));
        if (entry && entry->offset() <= size_) {
            last_ = *entry;
            last_time_ns_ = std::max(last_time_ns_, entry->time_ns);
            break;
        }
        --entries_;
    }
    if (index_bytes != static_cast<std::uint64_t>(entry_position(entries_)) &&
        ::ftruncate(index_.get(), entry_position(entries_)) != 0)
        throw_errno("truncate log index");
    if (entries_ == 0 && size_ > 0) {
        const struct stat info = file_status(log_.get(), "look at log file");
        put_entry(IndexEntry::make(0, 0, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec));
    }
}

void LogWriter::put_entry(IndexEntry entry) {
    // An entry that no bytes followed is replaced; see log_files.hpp for what that means for readers.
    const bool replace = entries_ > 0 && last_.offset() == entry.offset() && !last_.end_mark();
    const std::uint64_t index = replace ? entries_ - 1 : entries_;
    write_entry(index_.get(), entry, entry_position(index));
    entries_ = index + 1;
    last_ = entry;
    last_time_ns_ = std::max(last_time_ns_, entry.time_ns);
}

std::size_t LogWriter::announce(LogStream stream, std::int64_t now_ns) {
    if (time_to_rotate()) rotate();
    const std::int64_t time = std::max(now_ns, last_time_ns_);  // the clock may step back; a log does not
    const bool covered =
        entries_ > 0 && last_.stream() == stream && !last_.end_mark() && time - last_.time_ns < kIndexGrainNs;
    if (!covered) put_entry(IndexEntry::make(size_, stream == LogStream::err ? kStderr : 0, time));
    return static_cast<std::size_t>(target_.max_size_bytes - size_);
}

void LogWriter::mark_end(LogStream stream, std::int64_t now_ns) {
    const auto flags = static_cast<std::uint16_t>(kEndMark | (stream == LogStream::err ? kStderr : 0));
    put_entry(IndexEntry::make(size_, flags, std::max(now_ns, last_time_ns_)));
}

// Rather a little early between two lines than on time within one.
bool LogWriter::time_to_rotate() const {
    if (size_ >= target_.max_size_bytes) return true;
    if (size_ == 0 || size_ < target_.max_size_bytes - target_.max_size_bytes / 16) return false;
    char last = 0;
    return ::pread(log_.get(), &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last == '\n';
}

// The oldest goes first: on a full disk that makes room for the next.
void LogWriter::rotate() {
    const std::uint64_t next = generation_ + 1;
    if (next >= target_.max_files) remove_generation(next - target_.max_files);
    // What an earlier try may have left: its .log does not exist, so the generation does not either.
    ::unlinkat(directory_.get(), index_file_name(target_.name, next).c_str(), 0);
    open_generation(next);
}

void LogWriter::remove_generation(std::uint64_t generation) const {
    ::unlinkat(directory_.get(), log_file_name(target_.name, generation).c_str(), 0);
    ::unlinkat(directory_.get(), index_file_name(target_.name, generation).c_str(), 0);
}

}  // namespace stack::logs
