#include "manager/cli/transfer/transfer_board.hpp"

#include "manager/cli/progress_frame.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWindow{5000}, kLeastSpan{500};

bool counts(const LayerRow& layer) {
    return layer.state != LayerState::present && layer.state != LayerState::mounted;
}

LayerRow& layer_of(TransferRow& row, const std::string& id) {
    const auto found =
        std::find_if(row.layers.begin(), row.layers.end(), [&](const LayerRow& l) { return l.id == id; });
    if (found != row.layers.end()) return *found;
    return row.layers.emplace_back(LayerRow{id, LayerState::waiting, 0, 0, 0});
}

}  // namespace

void RateWindow::add(milliseconds now, std::uint64_t bytes) {
    // One sample stays beyond the window's edge, so that the window is always covered.
    while (samples_.size() > 1 && now - samples_[1].at >= kWindow) samples_.pop_front();
    samples_.push_back({now, bytes});
}

std::uint64_t RateWindow::bytes_per_second(milliseconds now) const {
    if (samples_.empty()) return 0;
    const auto first = std::find_if(samples_.rbegin(), samples_.rend(),
                                    [&](const Sample& sample) { return now - sample.at >= kWindow; });
    const Sample& from = first == samples_.rend() ? samples_.front() : *first;
    const milliseconds span = now - from.at;
    const std::uint64_t bytes = samples_.back().bytes - std::min(from.bytes, samples_.back().bytes);
    return span < kLeastSpan ? 0 : bytes * 1000 / static_cast<std::uint64_t>(span.count());
}

bool is_finished(LayerState state) {
    return state == LayerState::done || state == LayerState::present || state == LayerState::mounted;
}

std::uint64_t TransferRow::total_bytes() const {
    std::uint64_t sum = copy_total;
    for (const LayerRow& layer : layers)
        if (counts(layer)) sum += layer.total;
    return sum;
}

std::uint64_t TransferRow::moved_bytes() const {
    std::uint64_t sum = copied;
    for (const LayerRow& layer : layers)
        if (counts(layer)) sum += layer.moved;
    return sum;
}

std::size_t TransferRow::finished_layers() const {
    return static_cast<std::size_t>(
        std::count_if(layers.begin(), layers.end(), [](const LayerRow& l) { return is_finished(l.state); }));
}

void apply_event(TransferRow& row, const LayerEvent& event, milliseconds now) {
    LayerRow& layer = layer_of(row, event.id);
    layer.state = event.state;
    layer.done = event.done;
    if (event.total > 0) layer.total = event.total;
    switch (event.state) {
        case LayerState::downloading:
        case LayerState::uploading:
            layer.moved = event.done;
            break;
        case LayerState::downloaded:
        case LayerState::done:
            layer.moved = layer.total;
            break;
        case LayerState::unpacking:  // may begin while the blob still comes
            layer.moved = std::max(layer.moved, event.done);
            break;
        case LayerState::waiting:
        case LayerState::present:
        case LayerState::mounted:
            break;
    }
    row.detail.clear();
    row.rate.add(now, row.moved_bytes());
}

void apply_event(TransferRow& row, const CopyEvent& event, milliseconds now) {
    row.copied = event.done;
    row.copy_total = event.total;
    row.detail.clear();
    row.rate.add(now, row.moved_bytes());
}

std::string result_detail(const ImageResult& result, milliseconds spent) {
    if (!result.changed) return "up to date";
    if (result.transferred)
        return fmt::format("{} in {}", format_size(*result.transferred), short_time(spent));
    if (result.size == 0) return {};
    return fmt::format("{}, {} layer{}", format_size(result.size), result.layers,
                       result.layers == 1 ? "" : "s");
}

}  // namespace stack::cli
