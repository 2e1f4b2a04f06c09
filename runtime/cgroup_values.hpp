// What both cgroup versions need of a ResourceSpec: its memory limits with their defaults filled in, and values that
// are in range. Pure.
#pragma once

#include "runtime/container_spec.hpp"

#include <cstdint>
#include <optional>

namespace stack {

/// Bytes, -1 = unlimited; absent = leave alone.
struct MemoryLimits {
    std::optional<std::int64_t> limit;
    std::optional<std::int64_t> limit_with_swap;  ///< memory plus swap; twice the limit unless said otherwise
    std::optional<std::int64_t> reservation;
};

/// Zero counts as absent, as in Docker. Throws Error(invalid_input) when the limits contradict each other.
MemoryLimits memory_limits(const ResourceSpec& resources);

/// Throws Error(invalid_input) naming a value out of its range: swappiness, cpu.idle, names of page sizes.
void check_ranges(const ResourceSpec& resources);

}  // namespace stack
