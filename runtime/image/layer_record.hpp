// `<root>/layers/<layer id>.json`: what one unpacked layer is. Written before the layer appears under its
// name.
#pragma once

#include "runtime/base/disk_use.hpp"
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
    std::uint64_t disk_bytes = 0;  ///< what the folder takes on disk, once all of it is written there
    std::uint64_t inode = 0;       ///< the folder that was measured; 0: none was
    std::int64_t born_ns = 0;      ///< its time of birth since the epoch; 0 where the file system keeps none
    bool operator==(const LayerRecord&) const = default;
};

/// The first 24 hex digits of a chain id.
std::string layer_id_of(std::string_view chain_id);
/// nullopt when `text` is no record.
std::optional<LayerRecord> parse_layer_record(std::string_view text);
/// nullopt when there is none or it can't be read.
std::optional<LayerRecord> read_layer_record(const StorePaths& paths, std::string_view layer_id);
std::string layer_record_json(const LayerRecord& record);

/// Measures the folder that is to become this layer and notes in the record what it takes and which one it is. Its data
/// must be on the disk already: until then file systems only estimate. Throws Error.
void measure_layer(const std::string& folder, LayerRecord& record);
/// What a stored layer takes, folder and record. The folder is walked only if the record does not know. Throws Error.
std::uint64_t layer_disk_bytes(const StorePaths& paths, std::string_view layer_id, DiskCounter& disk);

}  // namespace stack
