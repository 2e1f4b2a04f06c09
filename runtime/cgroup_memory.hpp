// The memory limits of a ResourceSpec with their defaults filled in, as both cgroup versions need them. Pure.
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

}  // namespace stack
