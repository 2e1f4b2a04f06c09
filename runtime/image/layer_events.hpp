// How each layer of a pull or push fares, as `layer` events: every change of state is told, progress within a state at
// most about ten times a second.
#pragma once

#include "runtime/image/worker_events.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace stack::image {

enum class LayerState { waiting, downloading, downloaded, unpacking, done, present, uploading, mounted };

/// Callable from several threads. A layer that unpacks while it still downloads is shown as downloading.
class LayerEvents {
  public:
    explicit LayerEvents(EventWriter& events) : events_{events} {}
    /// `digest` of the blob; `done` and `total` in bytes of it.
    void tell(const std::string& digest, LayerState state, std::uint64_t done, std::uint64_t total);

  private:
    struct Told {
        LayerState state = LayerState::waiting;
        bool any = false;
        std::chrono::steady_clock::time_point when;
    };

    EventWriter& events_;
    std::mutex mutex_;
    std::map<std::string, Told> told_;
};

/// The words of the events.
std::string_view layer_state_name(LayerState state);
bool is_layer_state(std::string_view word);
/// What an event calls a layer: the first 12 hex digits of its blob's digest.
std::string short_layer_id(const std::string& digest);
bool is_short_layer_id(std::string_view text);

}  // namespace stack::image
