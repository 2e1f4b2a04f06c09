#include "runtime/image/layer_events.hpp"

#include "runtime/image/reference.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::size_t kShortId = 12;

// In the order of LayerState.
constexpr std::array<std::string_view, 8> kLayerStates{"waiting", "downloading", "downloaded", "unpacking",
                                                       "done",    "present",     "uploading",  "mounted"};

}  // namespace

void LayerEvents::tell(const std::string& digest, LayerState state, std::uint64_t done, std::uint64_t total) {
    constexpr std::chrono::milliseconds kInterval{100};
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock{mutex_};
    Told& told = told_[digest];
    const bool unpacks_early =
        state == LayerState::unpacking && told.any && told.state < LayerState::downloaded;
    // A layer that was there from the start is not done again.
    if (told.any && told.state == LayerState::present) return;
    const bool went_back = state == LayerState::downloaded && told.any && told.state > LayerState::downloaded;
    if (unpacks_early || went_back) return;
    if (told.any && told.state == state && now - told.when < kInterval) return;
    told = {state, true, now};
    events_.write({{"event", "layer"},
                   {"id", short_layer_id(digest)},
                   {"state", layer_state_name(state)},
                   {"done", done},
                   {"total", total}});
}

std::string_view layer_state_name(LayerState state) {
    return kLayerStates[static_cast<std::size_t>(state)];
}

bool is_layer_state(std::string_view word) {
    return std::find(kLayerStates.begin(), kLayerStates.end(), word) != kLayerStates.end();
}

bool is_short_layer_id(std::string_view text) {
    return text.size() == kShortId && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string short_layer_id(const std::string& digest) {
    return digest_hex(digest).substr(0, kShortId);
}

}  // namespace stack::image
