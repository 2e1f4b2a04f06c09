// The files that hold a container's output, and how they are named and indexed. This is the format.
//
// A log named NAME in a directory is a row of generations N = 0, 1, 2, …; each is two files:
//
//     NAME.N.log   the raw bytes of stdout and stderr in order of arrival: grep, tail -f and less work on it
//     NAME.N.idx   which bytes came when and from which stream
//
// Only the highest N grows. Rotation makes N+1 and removes N+1-max_files: nothing is ever renamed or cut, so
// a reader holds its place by (N, offset) and rotation needs no lock. The .idx of a generation is made before
// its .log; the generation exists when its .log does. So a kill at any instant leaves a log that is right.
//
// The index is an array of 16-byte little-endian entries, the first of which is a header:
//
//     header   8 bytes "STKLOG1\n", 8 bytes time
//     entry    8 bytes place = offset in the .log (low 48 bits) | flags << 48, 8 bytes time
//
// Times are nanoseconds of CLOCK_REALTIME, never decreasing within a log. An entry says: the bytes from
// `offset` up to the next entry's offset belong to this stream and arrived at about this time (within a
// millisecond, or later while the writer is slow). It is written BEFORE the bytes are moved, so bytes always
// have their entry, whoever is killed when. If no bytes came, the next entry takes its place; hence a reader
// takes the size of the .log first, then the index, and believes entries whose offset is below that size, and
// end marks.
//
// clang-format off
// | flag     | value | meaning                                                                                |
// |----------|-------|----------------------------------------------------------------------------------------|
// | kStderr  | 1     | the stream is stderr (else stdout)                                                     |
// | kEndMark | 2     | no bytes: the stream ended here; an unfinished line before it is a line. Not replaced  |
// clang-format on
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::logs {

enum class LogStream : std::uint8_t { out = 0, err = 1 };

inline constexpr char kIndexMagic[8] = {'S', 'T', 'K', 'L', 'O', 'G', '1', '\n'};
inline constexpr std::uint64_t kOffsetMask = (std::uint64_t{1} << 48) - 1;
inline constexpr std::uint16_t kStderr = 1;
inline constexpr std::uint16_t kEndMark = 2;

struct IndexEntry {
    std::uint64_t place = 0;
    std::int64_t time_ns = 0;

    static IndexEntry make(std::uint64_t offset, std::uint16_t flags, std::int64_t time_ns) {
        return IndexEntry{(offset & kOffsetMask) | (std::uint64_t{flags} << 48), time_ns};
    }
    [[nodiscard]] std::uint64_t offset() const { return place & kOffsetMask; }
    [[nodiscard]] std::uint16_t flags() const { return static_cast<std::uint16_t>(place >> 48); }
    [[nodiscard]] LogStream stream() const {
        return (flags() & kStderr) != 0 ? LogStream::err : LogStream::out;
    }
    [[nodiscard]] bool end_mark() const { return (flags() & kEndMark) != 0; }
    bool operator==(const IndexEntry&) const = default;
};
static_assert(sizeof(IndexEntry) == 16);

/// `NAME.N.log`, `NAME.N.idx`.
std::string log_file_name(std::string_view name, std::uint64_t generation);
std::string index_file_name(std::string_view name, std::uint64_t generation);
/// N when `file` is exactly NAME.N.log (no leading zeros).
std::optional<std::uint64_t> generation_of(std::string_view file, std::string_view name);
/// The generations that exist, ascending; empty when the directory or the log does not exist. Throws Error.
std::vector<std::uint64_t> list_generations(const std::string& directory, std::string_view name);
/// Removes every file of the log; missing is fine. Throws Error.
void remove_log(const std::string& directory, std::string_view name);

}  // namespace stack::logs
