// Writes tar archives: POSIX ustar headers, and pax records for what those can't hold (IEEE 1003.1, pax).
// The same objects in the same order give the same bytes.
#pragma once

#include "runtime/image/archive_reader.hpp"
#include "runtime/image/byte_flow.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace stack::image {

class TarWriter {
  public:
    explicit TarWriter(ByteSink sink) : sink_{std::move(sink)} {}

    /// Exactly `entry.size` bytes of `data` follow for a file. Times are kept in whole seconds.
    void header(const ArchiveEntry& entry);
    void data(Bytes bytes);
    /// Pads what `data` wrote to a whole block.
    void end_of_entry();
    void end_of_archive();

  private:
    void block(const ArchiveEntry& entry, std::string_view name, std::string_view link, char type,
               std::uint64_t size);
    void pad(std::uint64_t written);

    ByteSink sink_;
    std::uint64_t entry_bytes_ = 0;
};

}  // namespace stack::image
