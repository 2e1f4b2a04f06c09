#include "manager/engine/id_ranges.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <limits>

namespace stack::engine {

namespace {

constexpr std::uint64_t kIds = std::numeric_limits<std::uint32_t>::max();  // the last one is no id: (uid_t)-1

std::uint64_t end_of(const IdRange& range) {
    return std::uint64_t{range.first} + range.size;
}

std::optional<std::uint64_t> id_number(std::string_view text) {
    const std::optional<long long> number = parse_int(text);
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) > kIds) return std::nullopt;
    return static_cast<std::uint64_t>(*number);
}

std::optional<IdRange> make_range(std::string_view first_text, std::string_view size_text) {
    const auto first = id_number(first_text), size = id_number(size_text);
    if (!first || !size || *size == 0) return std::nullopt;
    const std::uint64_t end = std::min(*first + *size, kIds);
    if (end <= *first) return std::nullopt;
    return IdRange{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(end - *first)};
}

// `name:first:count`. An empty name stands for all.
std::vector<IdRange> subordinate_ranges(const std::string& text, std::string_view name) {
    std::vector<IdRange> ranges;
    for (const std::string& line : split(text, '\n')) {
        const std::vector<std::string> fields = split(trim(line), ':');
        if (fields.size() != 3 || (!name.empty() && fields[0] != name)) continue;
        if (const auto range = make_range(fields[1], fields[2])) ranges.push_back(*range);
    }
    return ranges;
}

// `name:password:id:…` of passwd(5) and group(5).
std::vector<IdRange> account_ids(const std::string& text) {
    std::vector<IdRange> ids;
    for (const std::string& line : split(text, '\n')) {
        const std::vector<std::string> fields = split(line, ':');
        if (fields.size() < 3) continue;
        if (const auto id = make_range(fields[2], "1")) ids.push_back(*id);
    }
    return ids;
}

// `inside outside count`, padded with blanks.
std::vector<IdRange> mapped_ids(const std::string& map) {
    std::vector<IdRange> ranges;
    for (const std::string& line : split(map, '\n')) {
        std::vector<std::string> words = split(line, ' ');
        std::erase(words, std::string{});
        if (words.size() != 3) continue;
        if (const auto range = make_range(words[0], words[2])) ranges.push_back(*range);
    }
    return ranges;
}

std::vector<IdRange> intersection(const std::vector<IdRange>& left, const std::vector<IdRange>& right) {
    std::vector<IdRange> common;
    for (const IdRange& a : left)
        for (const IdRange& b : right) {
            const std::uint32_t first = std::max(a.first, b.first);
            const std::uint64_t end = std::min(end_of(a), end_of(b));
            if (end > first) common.push_back({first, static_cast<std::uint32_t>(end - first)});
        }
    return common;
}

}  // namespace

IdPool id_pool(const IdFiles& files) {
    IdPool pool;
    pool.allowed = subordinate_ranges(files.subordinate, "stack");
    if (pool.allowed.empty()) pool.allowed = subordinate_ranges(files.subordinate, "containers");
    pool.declared = !pool.allowed.empty();
    if (!pool.declared) {
        pool.allowed = {kUnusedIds};
        pool.occupied = subordinate_ranges(files.subordinate, "");
        const std::vector<IdRange> accounts = account_ids(files.accounts);
        pool.occupied.insert(pool.occupied.end(), accounts.begin(), accounts.end());
    }
    pool.allowed = intersection(pool.allowed, mapped_ids(files.own_map));
    return pool;
}

std::optional<std::uint32_t> first_free(const IdPool& pool, const std::vector<IdRange>& taken,
                                        std::uint32_t size) {
    const auto by_first = [](const IdRange& a, const IdRange& b) { return a.first < b.first; };
    std::vector<IdRange> allowed = pool.allowed, obstacles = pool.occupied;
    obstacles.insert(obstacles.end(), taken.begin(), taken.end());
    std::sort(allowed.begin(), allowed.end(), by_first);
    std::sort(obstacles.begin(), obstacles.end(), by_first);
    for (const IdRange& range : allowed) {
        std::uint64_t first = range.first;
        for (const IdRange& obstacle : obstacles) {
            if (obstacle.first >= first + size) break;
            first = std::max(first, end_of(obstacle));
        }
        if (first + size <= end_of(range)) return static_cast<std::uint32_t>(first);
    }
    return std::nullopt;
}

}  // namespace stack::engine
