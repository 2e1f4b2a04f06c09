// RFC 3339 times as image documents write them (`2026-01-02T03:04:05.123456789Z`, offsets allowed).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace stack {

/// nullopt for anything malformed, and for years outside 1970…2261.
std::optional<std::chrono::system_clock::time_point> parse_time_text(std::string_view text);

}  // namespace stack
