#include "runtime/image/image_history.hpp"

#include "runtime/image/layer_record.hpp"

#include <algorithm>
#include <utility>

namespace stack {

std::vector<HistoryLine> image_history(const StorePaths& paths, const Image& image) {
    const std::vector<std::string> layers{image.layer_ids.rbegin(), image.layer_ids.rend()};  // bottom first
    std::size_t next = 0;
    const auto give_layer = [&](HistoryLine& line) {
        line.layer_id = layers[next++];
        if (const std::optional<LayerRecord> record = read_layer_record(paths, line.layer_id))
            line.size = record->size;
    };
    std::vector<HistoryLine> lines;
    for (const ImageStep& step : image.config.history) {
        HistoryLine line{step, {}, 0};
        if (!step.empty_layer && next < layers.size()) give_layer(line);
        lines.push_back(std::move(line));
    }
    while (next < layers.size()) give_layer(lines.emplace_back());
    std::reverse(lines.begin(), lines.end());
    return lines;
}

}  // namespace stack
