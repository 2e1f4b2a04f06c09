// The time of records and events.
#pragma once

#include <chrono>
#include <cstdint>

namespace stack {

/// Nanoseconds since 1970 by CLOCK_REALTIME; it jumps when the host's clock is set.
inline std::int64_t wall_clock_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace stack
