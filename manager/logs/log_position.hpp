// Where in a log to begin reading: the last N lines, or from a time on, with what stands unfinished there.
//
// Both streams share the bytes, so a place right after one stream's newline may be in the middle of a line of the
// other. `unfinished` finds that line's beginning, so that reading from any place gives whole lines.
#pragma once

#include "manager/logs/log_generation.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stack::logs {

using Generations = std::vector<std::unique_ptr<LogGeneration>>;  ///< ascending, none null

/// Before byte `offset`, which belongs to entry `entry` (or is its end) of generation `generation`.
struct LogPosition {
    std::size_t generation = 0;  ///< index into Generations
    std::size_t entry = 0;
    std::uint64_t offset = 0;
    auto operator<=>(const LogPosition&) const = default;
};

/// The end, or the first entry later than `until_ns`. `generations` is not empty.
LogPosition end_position(const Generations& generations, std::optional<std::int64_t> until_ns);
/// The first entry at or after `since_ns`, at most `end`.
LogPosition since_position(const Generations& generations, std::int64_t since_ns, const LogPosition& end);
/// The place before `end` from which on exactly `lines` lines get finished (or the beginning).
LogPosition tail_position(const Generations& generations, std::size_t lines, const LogPosition& end);

struct UnfinishedLine {
    std::string text;          ///< empty: none
    std::int64_t time_ns = 0;  ///< of its last byte
};
/// What `stream` has written since its last newline or end mark before `position`; at most kMaxLineBytes of it.
UnfinishedLine unfinished(const Generations& generations, LogStream stream, const LogPosition& position);

}  // namespace stack::logs
