// The writing side of log files, without the pipes: index entries before bytes, rotation, recovery at open.
// One writer a log at a time. Format: log_files.hpp.
#pragma once

#include "manager/logs/log_files.hpp"
#include "manager/logs/log_pump.hpp"
#include "runtime/base/fd.hpp"

#include <sys/types.h>

#include <cstdint>

namespace stack::logs {

class LogWriter {
  public:
    /// Makes the first generation or goes on with the newest; removes generations beyond `max_files`. Throws Error.
    explicit LogWriter(const LogTarget& target);

    /// Announces bytes of `stream`: rotates when it is time, writes the index entry. Returns how many bytes may be
    /// appended now, at least 1. Throws Error; nothing is lost then, ask again later.
    std::size_t announce(LogStream stream, std::int64_t now_ns);
    /// `count` bytes have been written at `offset()` after `announce`.
    void advance(std::size_t count) { size_ += count; }
    /// The stream has ended. Throws Error.
    void mark_end(LogStream stream, std::int64_t now_ns);

    [[nodiscard]] int fd() const { return log_.get(); }
    [[nodiscard]] std::uint64_t offset() const { return size_; }

  private:
    void open_generation(std::uint64_t generation);
    void recover();
    void rotate();
    void remove_generation(std::uint64_t generation) const;
    [[nodiscard]] bool time_to_rotate() const;
    void put_entry(IndexEntry entry);

    LogTarget target_;
    UniqueFd directory_;
    UniqueFd log_, index_;
    std::uint64_t generation_ = 0;
    std::uint64_t size_ = 0;         // of the .log
    std::uint64_t entries_ = 0;      // in the .idx, without the header
    IndexEntry last_;                // valid when entries_ > 0
    std::int64_t last_time_ns_ = 0;  // of this log, over generations
};

}  // namespace stack::logs
