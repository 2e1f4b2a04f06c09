#include "tests/support/eventually.hpp"

#include <algorithm>
#include <thread>

namespace stack::test {

bool eventually(const std::function<bool()>& check, std::chrono::milliseconds limit) {
    using std::chrono::steady_clock;
    const auto until = steady_clock::now() + limit;
    std::chrono::milliseconds pause{1};
    for (;;) {
        if (check()) return true;
        if (steady_clock::now() >= until) return false;
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds{50});
    }
}

}  // namespace stack::test
