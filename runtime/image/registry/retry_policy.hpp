// When a request that failed is tried again. Pure: time and chance come in.
#pragma once

#include "runtime/image/registry/fetcher_plan.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace stack::registry {

/// Counts the tries of one transfer. Whatever the server does, it ends: each try that does not count has brought
/// kWorthwhile bytes nearer to the end.
class RetryPolicy {
  public:
    static constexpr std::uint64_t kWorthwhile = 4096;
    static constexpr std::chrono::milliseconds kLongestDelay{60'000};

    explicit RetryPolicy(const FetchLimits& limits) : limits_{limits} {}

    /// After a failure with `bytes` moved in all: how long to wait before the next try, or nullopt to give up.
    /// `asked`: the server's Retry-After. `chance`: 0 to 1, spreads clients that failed together.
    std::optional<std::chrono::milliseconds> next(std::uint64_t bytes,
                                                  std::optional<std::chrono::seconds> asked, double chance);

  private:
    FetchLimits limits_;
    int failures_ = 0;
    std::uint64_t bytes_before_ = 0;
};

}  // namespace stack::registry
