// How an image was made, step by step, with what each step takes: the configuration's history beside the layers.
#pragma once

#include "runtime/image/image_store.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack {

struct HistoryLine {
    ImageStep step;
    std::string layer_id;    ///< empty for a step without a layer
    std::uint64_t size = 0;  ///< bytes of the layer's files
    bool operator==(const HistoryLine&) const = default;
};

/// Newest first, as people read it. Layers of which the configuration says nothing are steps that say nothing, the newest
/// ones; steps for which no layer is left have none. Reads layer records. Throws Error.
std::vector<HistoryLine> image_history(const StorePaths& paths, const Image& image);

}  // namespace stack
