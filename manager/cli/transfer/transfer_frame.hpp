// The live picture of images on their way, as lines of text: a pure function from rows and time.
//
//     [+] Pulling 1/3
//      ✔ Image redis:7      Pulled   41.3MB in 3.2s                                        3.2s
//      ⠹ Image postgres:16  Pulling  3/13  [████████▌         ] 45.2MB / 121.4MB  11.3MB/s  7s left  4.0s
//          8a1e25ce7c4f  [████▌             ] 12.1MB / 31.4MB
//          5b9aa1ba93a7  Unpacking
//          c1ec31eb5944  Already here
//      ⠹ Image nginx:1      Waiting                                                        0.0s
#pragma once

#include "manager/cli/progress.hpp"
#include "manager/cli/transfer/transfer_board.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace stack::cli {

/// The lines of one frame, header first, no newline, none wider than `columns`. Layers are shown of images that are
/// on their way; what does not fit the height is left out: finished layers first, then waiting ones, then all
/// layers, then finished images.
std::vector<std::string> render_transfers(const std::string& title, const std::vector<TransferRow>& rows,
                                          std::chrono::milliseconds now, const FrameStyle& style);

/// `Downloading`, `Already here`: what a layer's line says when it has no bar.
std::string layer_word(LayerState state);

/// `[████▌     ]` of `columns` columns, brackets included, 3 at least.
std::string progress_bar(std::uint64_t done, std::uint64_t total, std::size_t columns);

}  // namespace stack::cli
