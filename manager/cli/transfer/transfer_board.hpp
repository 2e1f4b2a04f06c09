// What is known about images that are being moved: fed with the workers' events, read by the displays. Values and
// arithmetic; no terminal, no clock.
#pragma once

#include "manager/cli/transfer/image_worker.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace stack::cli {

/// Bytes a second over the last few seconds: steady enough to read, quick to show that a server has fallen silent.
class RateWindow {
  public:
    /// `bytes` is the sum so far. Times must not go back.
    void add(std::chrono::milliseconds now, std::uint64_t bytes);
    /// 0 until there is enough to tell.
    [[nodiscard]] std::uint64_t bytes_per_second(std::chrono::milliseconds now) const;

  private:
    struct Sample {
        std::chrono::milliseconds at;
        std::uint64_t bytes;
    };
    std::deque<Sample> samples_;
};

struct LayerRow {
    std::string id;
    LayerState state = LayerState::waiting;
    std::uint64_t done = 0, total = 0;
    std::uint64_t moved = 0;  ///< bytes that have come or gone
    bool operator==(const LayerRow&) const = default;
};

/// One image's way, from the start of its worker to its end.
struct TransferRow {
    enum class State { waiting, working, done, failed, interrupted } state = State::waiting;
    std::string subject;                       ///< "Image redis:7"
    std::string word;                          ///< "Pulling", later "Pulled"
    std::string detail;                        ///< what it came to, or why it waits
    std::vector<LayerRow> layers;              ///< in the order in which they were heard of
    std::uint64_t copied = 0, copy_total = 0;  ///< of sources that are read in one go
    RateWindow rate;
    std::chrono::milliseconds started{0}, ended{0};  ///< since the display began

    /// Bytes to be moved, and moved so far; layers that were here already don't count.
    [[nodiscard]] std::uint64_t total_bytes() const;
    [[nodiscard]] std::uint64_t moved_bytes() const;
    [[nodiscard]] std::size_t finished_layers() const;
};

/// The layer needs nothing more.
bool is_finished(LayerState state);

/// Takes note of what the row's worker said at `now`.
void apply_event(TransferRow& row, const LayerEvent& event, std::chrono::milliseconds now);
void apply_event(TransferRow& row, const CopyEvent& event, std::chrono::milliseconds now);

/// `41.3MB in 3.2s`, `up to date`: what an image came to; empty when the worker did not tell.
std::string result_detail(const ImageResult& result, std::chrono::milliseconds spent);

}  // namespace stack::cli
