// libarchive's tar reader behind a small door: headers and data blocks in, no disk access, no format but tar.
// libarchive is trusted to survive hostile headers, not to write: layer_unpacker.hpp does that.
#pragma once

#include "runtime/image/byte_flow.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct archive;

namespace stack::image {

enum class EntryType { file, directory, symlink, hard_link, fifo, device, socket };

struct ArchiveEntry {
    std::string name;  ///< raw bytes
    EntryType type = EntryType::file;
    std::string link;        ///< target of a symlink or a hard link, raw
    mode_t permissions = 0;  ///< 07777
    std::int64_t uid = 0, gid = 0;
    timespec modified{};
    std::uint64_t size = 0;
    std::vector<std::pair<std::string, std::string>> xattrs;
};

class ArchiveReader {
  public:
    /// Reads from the queue until its end.
    explicit ArchiveReader(ChunkQueue& source);
    /// Reads from memory, which must outlive the reader. Data blocks then point into it.
    explicit ArchiveReader(Bytes memory);
    ~ArchiveReader();
    ArchiveReader(const ArchiveReader&) = delete;
    ArchiveReader& operator=(const ArchiveReader&) = delete;

    /// nullopt at the end. Throws Error(invalid_input) for what is no tar archive.
    std::optional<ArchiveEntry> next();

    struct Block {
        Bytes bytes;
        std::uint64_t offset = 0;  ///< gaps between blocks are holes
    };
    /// The next piece of the current entry's data, nullopt at its end.
    std::optional<Block> block();

  private:
    static ssize_t read_callback(archive* handle, void* self, const void** buffer);
    ArchiveReader();
    [[noreturn]] void fail(const char* doing) const;

    archive* handle_ = nullptr;
    ChunkQueue* source_ = nullptr;
    Chunk current_;
    std::exception_ptr source_error_;
    std::string entry_name_;
};

/// Must run once before a reader is made, while the file system is still whole: names are UTF-8.
void prepare_archive_locale();

}  // namespace stack::image
