#include "runtime/image/archive_reader.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/entry_name.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <sys/stat.h>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr std::size_t kMaxXattrs = 256;

EntryType type_of(archive_entry* entry) {
    if (::archive_entry_hardlink(entry) != nullptr) return EntryType::hard_link;
    switch (::archive_entry_filetype(entry)) {
        case AE_IFREG:
            return EntryType::file;
        case AE_IFDIR:
            return EntryType::directory;
        case AE_IFLNK:
            return EntryType::symlink;
        case AE_IFIFO:
            return EntryType::fifo;
        case AE_IFSOCK:
            return EntryType::socket;
        default:
            return EntryType::device;
    }
}

std::vector<std::pair<std::string, std::string>> xattrs_of(archive_entry* entry) {
    std::vector<std::pair<std::string, std::string>> result;
    ::archive_entry_xattr_reset(entry);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK &&
           result.size() < kMaxXattrs)
        result.emplace_back(name, std::string{static_cast<const char*>(value), size});
    return result;
}

}  // namespace

void prepare_archive_locale() {
    // libarchive converts names through the locale; in any but a UTF-8 one it would lose what is not ASCII.
    if (::setlocale(LC_CTYPE, "C.UTF-8") == nullptr && ::setlocale(LC_CTYPE, "C.utf8") == nullptr)
        ::setlocale(LC_CTYPE, "en_US.UTF-8");
}

// The public constructors delegate to this one, so that the handle is freed when they throw.
ArchiveReader::ArchiveReader() : handle_{::archive_read_new()} {
    if (handle_ == nullptr) throw std::bad_alloc{};
    ::archive_read_support_format_tar(handle_);
}

ArchiveReader::ArchiveReader(ChunkQueue& source) : ArchiveReader{} {
    source_ = &source;
    if (::archive_read_open(handle_, this, nullptr, &ArchiveReader::read_callback, nullptr) != ARCHIVE_OK) {
        if (source_error_) std::rethrow_exception(source_error_);
        fail("read the archive");
    }
}

ArchiveReader::ArchiveReader(Bytes memory) : ArchiveReader{} {
    if (::archive_read_open_memory(handle_, memory.data(), memory.size()) != ARCHIVE_OK)
        fail("read the archive");
}

ArchiveReader::~ArchiveReader() {
    ::archive_read_free(handle_);
}

ssize_t ArchiveReader::read_callback(archive* handle, void* self_pointer, const void** buffer) {
    auto* self = static_cast<ArchiveReader*>(self_pointer);
    try {
        self->current_ = self->source_->pop();
    } catch (...) {  // must not travel through C; thrown again by whoever called libarchive
        self->source_error_ = std::current_exception();
        ::archive_set_error(handle, EIO, "the source failed");
        return ARCHIVE_FATAL;
    }
    if (!self->current_) return 0;
    *buffer = self->current_->data();
    return static_cast<ssize_t>(self->current_->size());
}

void ArchiveReader::fail(const char* doing) const {
    if (source_error_) std::rethrow_exception(source_error_);
    const char* why = ::archive_error_string(handle_);
    Error error{ErrorKind::invalid_input,
                fmt::format("not a valid tar archive: {}", why ? why : "unknown reason")};
    if (!entry_name_.empty()) error.add_context(fmt::format("entry {}", shown_name(entry_name_)));
    throw std::move(error).add_context(doing);
}

std::optional<ArchiveEntry> ArchiveReader::next() {
    archive_entry* raw = nullptr;
    const int result = ::archive_read_next_header(handle_, &raw);
    if (result == ARCHIVE_EOF) return std::nullopt;
    // ARCHIVE_WARN means an attribute that libarchive could not represent; the name is checked below.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail("read the next entry");
    const char* name = ::archive_entry_pathname(raw);
    if (name == nullptr)
        throw Error{
            ErrorKind::invalid_input,
            fmt::format("the entry after {} has a name that is not valid UTF-8", shown_name(entry_name_))};
    ArchiveEntry entry;
    entry.name = entry_name_ = name;
    entry.type = type_of(raw);
    if (entry.type == EntryType::hard_link) {
        entry.link = ::archive_entry_hardlink(raw);
    } else if (entry.type == EntryType::symlink) {
        const char* target = ::archive_entry_symlink(raw);
        entry.link = target ? target : "";
    }
    entry.permissions = ::archive_entry_perm(raw) & 07777;
    entry.uid = ::archive_entry_uid(raw);
    entry.gid = ::archive_entry_gid(raw);
    if (::archive_entry_mtime_is_set(raw) != 0)
        entry.modified = {::archive_entry_mtime(raw), ::archive_entry_mtime_nsec(raw)};
    const std::int64_t size = ::archive_entry_size_is_set(raw) != 0 ? ::archive_entry_size(raw) : 0;
    if (size < 0) fail("read the next entry");
    entry.size = static_cast<std::uint64_t>(size);
    entry.xattrs = xattrs_of(raw);
    return entry;
}

std::optional<ArchiveReader::Block> ArchiveReader::block() {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int result = ::archive_read_data_block(handle_, &data, &size, &offset);
    if (result == ARCHIVE_EOF) return std::nullopt;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail("read data");
    if (offset < 0) fail("read data");
    return Block{Bytes{static_cast<const std::byte*>(data), size}, static_cast<std::uint64_t>(offset)};
}

}  // namespace stack::image
