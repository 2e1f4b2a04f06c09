#include "runtime/image/registry/retry_policy.hpp"

#include <algorithm>

namespace stack::registry {

using std::chrono::milliseconds;

std::optional<milliseconds> RetryPolicy::next(std::uint64_t bytes, std::optional<std::chrono::seconds> asked,
                                              double chance) {
    const bool moved = bytes >= bytes_before_ + kWorthwhile;
    if (moved) failures_ = 0;
    bytes_before_ = std::max(bytes_before_, bytes);
    if (++failures_ >= limits_.tries) return std::nullopt;
    if (asked) {
        // Longer waits are for the user to decide.
        if (*asked > kLongestDelay) return std::nullopt;
        return milliseconds{*asked};
    }
    milliseconds delay = limits_.first_delay;
    if (moved) delay /= 5;  // a connection that was only cut is soon there again
    for (int i = 1; i < failures_; ++i) delay = std::min(delay * 3, kLongestDelay);
    return delay / 2 +
           milliseconds{static_cast<std::int64_t>(static_cast<double>(delay.count()) / 2 * chance)};
}

}  // namespace stack::registry
