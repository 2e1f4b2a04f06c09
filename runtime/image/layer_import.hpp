// One layer's way into the store: read, decompress, hash and unpack as a pipeline of three threads, so that a
// layer takes as long as its slowest step.
//
//   reader: source bytes → blob (hash, file) → decompress ─┬→ hasher: diff id (and zstd → blob, hash, file)
//                                                          └→ unpacker: tar → folder
#pragma once

#include "runtime/image/byte_flow.hpp"
#include "runtime/image/layer_unpacker.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace stack::image {

struct LayerJob {
    ByteProducer source;  ///< the archive, compressed or not
    int folder = -1;      ///< unpack into this empty folder; -1: hash only, it is unpacked already
    int blob = -1;        ///< the blob's file, empty and writable; -1: hashed only, it lies elsewhere already
    bool keep_bytes =
        true;  ///< the blob is the source byte for byte; false: the uncompressed archive, as zstd
    UnpackLimits limits;
    std::function<void(const std::string&)> warn;
    std::function<void(std::uint64_t)> progress;  ///< source bytes so far; called on the reader's thread
};

struct LayerOutcome {
    std::string diff_id;      ///< sha256 of the uncompressed archive
    std::string blob_digest;  ///< sha256 of what is in the blob's file
    std::uint64_t blob_size = 0;
    std::string media_type;
    UnpackResult unpacked;
};

/// Throws Error; nothing written is to be used then.
LayerOutcome import_layer(const LayerJob& job);

}  // namespace stack::image
