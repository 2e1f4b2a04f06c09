// Waiting in tests: poll with a limit, never a bare sleep.
#pragma once

#include <chrono>
#include <functional>

namespace stack::test {

/// Calls `check` until it returns true or `limit` has passed; the last answer. Polls every few milliseconds,
/// less often as time goes by.
bool eventually(const std::function<bool()>& check,
                std::chrono::milliseconds limit = std::chrono::seconds{30});

}  // namespace stack::test
