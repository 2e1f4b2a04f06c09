#include "manager/logs/log_generation.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace stack::logs {

std::unique_ptr<LogGeneration> LogGeneration::open(const std::string& directory, std::string_view name,
                                                   std::uint64_t number) {
    const auto open_file = [&](const std::string& file) {
        const std::string path = directory + '/' + file;
        UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
        if (!fd.valid() && errno != ENOENT) throw_errno(fmt::format("open '{}'", path));
        return fd;
    };
    auto result = std::make_unique<LogGeneration>();
    result->number_ = number;
    result->log_ = open_file(log_file_name(name, number));
    if (!result->log_.valid()) return nullptr;
    result->index_ = open_file(index_file_name(name, number));  // may be missing: removed by hand
    result->refresh();
    return result;
}

// The size first, then the index: an entry below that size will not change any more.
bool LogGeneration::refresh() {
    struct stat info {};
    if (::fstat(log_.get(), &info) != 0) throw_errno("look at log file");
    const auto size = static_cast<std::uint64_t>(info.st_size);
    const std::size_t known = entries_.size();
    std::array<IndexEntry, 4096> block;
    for (bool more = index_.valid(); more;) {
        const auto at = static_cast<off_t>(sizeof(IndexEntry) * (read_entries_ + 1));
        const ssize_t got = ::pread(index_.get(), block.data(), sizeof block, at);
        if (got < 0) throw_errno("read log index");
        const std::size_t count = static_cast<std::size_t>(got) / sizeof(IndexEntry);
        more = count == block.size();
        for (std::size_t i = 0; i < count; ++i) {
            const IndexEntry& entry = block[i];
            const bool final = entry.offset() < size || (entry.end_mark() && entry.offset() == size);
            const bool in_order = entries_.empty() || entry.offset() >= entries_.back().offset();
            if (!final || !in_order) {
                more = false;
                break;
            }
            entries_.push_back(entry);
            ++read_entries_;
        }
    }
    // Bytes that lost their index still are lines.
    if (size > 0 && (entries_.empty() || entries_.front().offset() > 0))
        entries_.insert(entries_.begin(),
                        IndexEntry::make(0, 0, entries_.empty() ? 0 : entries_.front().time_ns));
    const bool changed = size != size_ || entries_.size() != known;
    size_ = std::max(size, size_);
    return changed;
}

std::uint64_t LogGeneration::end_of(std::size_t index) const {
    if (entries_[index].end_mark()) return entries_[index].offset();
    return index + 1 < entries_.size() ? entries_[index + 1].offset() : size_;
}

std::size_t LogGeneration::read(std::uint64_t offset, char* into, std::size_t size) const {
    const ssize_t got = ::pread(log_.get(), into, size, static_cast<off_t>(offset));
    if (got < 0) throw_errno("read log file");
    return static_cast<std::size_t>(got);
}

}  // namespace stack::logs
