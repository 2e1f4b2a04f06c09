#include "manager/logs/log_position.hpp"

#include "manager/logs/log_reader.hpp"

#include <algorithm>
#include <functional>

namespace stack::logs {

namespace {

constexpr std::size_t kBlock = 64u << 10;

// A run of bytes of one stream, or an end mark (empty).
struct Segment {
    std::size_t generation, entry;
    const IndexEntry& index;
    std::uint64_t begin, end;
};

// Calls `visit` with each segment before `position`, last first, until it returns false.
void walk_back(const Generations& generations, const LogPosition& position,
               const std::function<bool(const Segment&)>& visit) {
    for (std::size_t g = position.generation + 1; g-- > 0;) {
        const LogGeneration& generation = *generations[g];
        const std::vector<IndexEntry>& entries = generation.entries();
        std::size_t from = entries.size();
        if (g == position.generation) {
            from = std::min(position.entry, from);
            if (from < entries.size() && !entries[from].end_mark() &&
                position.offset > entries[from].offset())
                if (!visit({g, from, entries[from], entries[from].offset(), position.offset})) return;
        }
        for (std::size_t i = from; i-- > 0;)
            if (!visit({g, i, entries[i], entries[i].offset(), generation.end_of(i)})) return;
    }
}

// Gives the bytes of [begin, end) in blocks, last first, until `take` returns false.
bool read_back(const LogGeneration& generation, std::uint64_t begin, std::uint64_t end,
               const std::function<bool(std::uint64_t offset, std::string_view bytes)>& take) {
    std::string block(kBlock, '\0');
    while (end > begin) {
        const std::uint64_t start = end - begin > kBlock ? end - kBlock : begin;
        const std::size_t got = generation.read(start, block.data(), static_cast<std::size_t>(end - start));
        if (!take(start, std::string_view{block}.substr(0, got))) return false;
        end = start;
    }
    return true;
}

std::optional<LogPosition> first_entry(const Generations& generations,
                                       const std::function<bool(const IndexEntry&)>& wanted) {
    for (std::size_t g = 0; g < generations.size(); ++g) {
        const std::vector<IndexEntry>& entries = generations[g]->entries();
        // Times never decrease, so `wanted` is false, …, false, true, …, true.
        const auto at = std::partition_point(entries.begin(), entries.end(),
                                             [&](const IndexEntry& entry) { return !wanted(entry); });
        if (at != entries.end())
            return LogPosition{g, static_cast<std::size_t>(at - entries.begin()), at->offset()};
    }
    return std::nullopt;
}

}  // namespace

LogPosition end_position(const Generations& generations, std::optional<std::int64_t> until_ns) {
    if (until_ns)
        if (const auto at =
                first_entry(generations, [&](const IndexEntry& e) { return e.time_ns > *until_ns; }))
            return *at;
    const LogGeneration& last = *generations.back();
    // Within the last entry, which may still grow, unless it is an end mark.
    const std::size_t count = last.entries().size();
    const bool may_grow = count > 0 && !last.entries().back().end_mark();
    return {generations.size() - 1, may_grow ? count - 1 : count, last.size()};
}

LogPosition since_position(const Generations& generations, std::int64_t since_ns, const LogPosition& end) {
    const auto at = first_entry(generations, [&](const IndexEntry& e) { return e.time_ns >= since_ns; });
    return at ? std::min(*at, end) : end;
}

LogPosition tail_position(const Generations& generations, std::size_t lines, const LogPosition& end) {
    LogPosition result{};
    std::size_t seen = 0;
    walk_back(generations, end, [&](const Segment& segment) {
        if (segment.index.end_mark()) {
            const LogPosition before{segment.generation, segment.entry, segment.begin};
            if (!unfinished(generations, segment.index.stream(), before).text.empty() && ++seen > lines) {
                result = {segment.generation, segment.entry + 1, segment.begin};
                return false;
            }
            return true;
        }
        return read_back(*generations[segment.generation], segment.begin, segment.end,
                         [&](std::uint64_t offset, std::string_view bytes) {
                             for (;;) {
                                 const std::size_t newline = bytes.rfind('\n');
                                 if (newline == std::string_view::npos) return true;
                                 if (++seen > lines) {
                                     result = {segment.generation, segment.entry, offset + newline + 1};
                                     return false;
                                 }
                                 bytes = bytes.substr(0, newline);
                             }
                         });
    });
    return result;
}

UnfinishedLine unfinished(const Generations& generations, LogStream stream, const LogPosition& position) {
    UnfinishedLine result;
    std::vector<std::string> pieces;  // last first
    std::size_t total = 0;
    walk_back(generations, position, [&](const Segment& segment) {
        if (segment.index.stream() != stream) return true;
        if (segment.index.end_mark()) return false;
        return read_back(*generations[segment.generation], segment.begin, segment.end,
                         [&](std::uint64_t, std::string_view bytes) {
                             const std::size_t newline = bytes.rfind('\n');
                             const std::string_view piece =
                                 newline == std::string_view::npos ? bytes : bytes.substr(newline + 1);
                             if (!piece.empty()) {
                                 if (pieces.empty()) result.time_ns = segment.index.time_ns;
                                 pieces.emplace_back(piece);
                                 total += piece.size();
                             }
                             return newline == std::string_view::npos && total < kMaxLineBytes;
                         });
    });
    for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) result.text += *piece;
    return result;
}

}  // namespace stack::logs
