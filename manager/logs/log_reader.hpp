// Lines out of log files: assembly per stream, times, tail, since and until, following over rotation and over
// restarts of the writer, and several logs merged by time. Works on the files alone; no supervisor is needed.
// Not here: prefixes, colours, how a time is printed. Format of the files: log_files.hpp.
#pragma once

#include "manager/logs/log_files.hpp"
#include "runtime/base/fd.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::logs {

/// Lines longer than this come in pieces (all but the last with `partial`).
inline constexpr std::size_t kMaxLineBytes = 1u << 20;

struct LogLine {
    std::int64_t time_ns = 0;  ///< when its last byte arrived, CLOCK_REALTIME; never decreases within a log
    LogStream stream = LogStream::out;
    std::string_view text;  ///< without the newline; valid until the reader is used again
    bool partial =
        false;  ///< no newline came (the stream or the log ends here, or the line is a long one's piece)
};

struct LogReadOptions {
    std::optional<std::size_t> tail;       ///< the last so many lines (of each log)
    std::optional<std::int64_t> since_ns;  ///< lines at or after
    std::optional<std::int64_t> until_ns;  ///< lines at or before; counts before `tail`
    bool follow = false;                   ///< an unfinished line at the end waits for its rest
};

/// One container's log. Passive: never blocks.
class LogReader {
  public:
    /// The log need not exist yet when following. Throws Error.
    LogReader(std::string directory, std::string name, const LogReadOptions& options);
    ~LogReader();
    LogReader(LogReader&&) noexcept;
    LogReader& operator=(LogReader&&) noexcept;

    /// nullopt: nothing more now (following: ask again after a change). Throws Error.
    std::optional<LogLine> next();
    /// From now on as if not following: `next` also gives the unfinished lines, then the end.
    void stop_following();
    /// Generations that rotation removed before they could be read.
    [[nodiscard]] std::uint64_t skipped_generations() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct LogSource {
    std::string directory;
    std::string name;
};

/// Several logs, ordered by time as far as they are known: all of the past is sorted; news come as they come.
class MergedReader {
  public:
    explicit MergedReader(const LogReadOptions& options);
    ~MergedReader();
    MergedReader(const MergedReader&) = delete;
    MergedReader& operator=(const MergedReader&) = delete;

    /// Adds a log (also while following) and returns its index. `options` overrides the common ones.
    std::size_t add(const LogSource& source, const std::optional<LogReadOptions>& options = std::nullopt);

    struct Line {
        std::size_t source = 0;  ///< index given by `add`
        LogLine line;
    };
    /// The earliest line available; nullopt when there is none now.
    std::optional<Line> next();
    /// Until something may have changed (true) or the time is over (false); -1 waits for ever. Following
    /// only.
    bool wait(int timeout_ms);
    /// Readable when something may have changed, for an event loop of the caller's; call `wait(0)` then.
    /// Kernels before 6.4 don't report spliced bytes: look again every 100 ms as well, as `wait` does.
    [[nodiscard]] int wait_fd() const;
    void stop_following();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Reads a whole log and returns how many lines and bytes it held: for benchmarks.
struct LogTotals {
    std::uint64_t lines = 0;
    std::uint64_t bytes = 0;
};
LogTotals count_log(const std::string& directory, const std::string& name);

}  // namespace stack::logs
