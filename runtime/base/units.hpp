// Sizes and durations as Compose files write them, and as people read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stack {

/// `<n>[b|k|kb|m|mb|g|gb|t|tb|p|pb]`, optional fraction, any case, powers of 1024. nullopt when malformed or
/// beyond 2^63-1. "-1" is not a size here.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// Go style `1h5m30s20ms`, units us ms s m h d w, decimals allowed. A bare number is no duration ("0" is).
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// `1.5MB` style with powers of 1000, as image lists show it.
std::string format_size(std::uint64_t bytes);
/// Go style: `1m30s`, `500ms`, `0s`.
std::string format_duration(std::chrono::nanoseconds value);
/// `3 seconds`, `About a minute`, `2 hours`: the way `ps` tells ages.
std::string format_age(std::chrono::seconds value);
/// RFC 3339 with nanoseconds in UTC, `2026-01-02T03:04:05.000000006Z`.
std::string format_time(std::chrono::system_clock::time_point time);

}  // namespace stack
