// `--since` and `--until`: a point in time (RFC 3339, parts may be missing), seconds since the epoch, or an age.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace stack::cli {

/// Nanoseconds since the epoch; nullopt for an empty text. A time without zone is local. Throws Error(invalid_input)
/// that names `flag`.
std::optional<std::int64_t> read_time_argument(const char* flag, const std::string& text,
                                               std::chrono::system_clock::time_point now);

}  // namespace stack::cli
