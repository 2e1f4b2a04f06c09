// `<root>/layers/<layer id>.json`: what one unpacked layer is. Written before the layer appears under its
// name.
#pragma once

#include "runtime/image/image_store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stack {

struct LayerRecord {
    std::string chain_id;          ///< sha256:…; the layer id is its beginning
    std::string diff_id;           ///< sha256:… of the uncompressed archive
    std::uint64_t size = 0;        ///< bytes of all files
    std::uint64_t disk_bytes = 0;  ///< what the folder takes on disk
    bool operator==(const LayerRecord&) const = default;
};

/// The first 24 hex digits of a chain id.
std::string layer_id_of(std::string_view chain_id);
/// nullopt when `text` is no record.
std::optional<LayerRecord> parse_layer_record(std::string_view text);
/// nullopt when there is none or it can't be read.
std::optional<LayerRecord> read_layer_record(const StorePaths& paths, std::string_view layer_id);
std::string layer_record_json(const LayerRecord& record);

}  // namespace stack
