// What the image store takes on disk, to the block: images, layers, blobs, downloads, leftovers, and the frame around
// them. The parts are a partition: every inode below images/, layers/ and staging/ is counted in exactly one of them, so
// their sum is what du(1) says.
//
// A layer's folder is not walked again when its record knows what it takes: that was measured after all its data was
// written to the disk (ImportSession::publish), and nothing writes to a layer afterwards. The record names the folder by
// inode and time of birth, so that a store which was copied to another disk is measured anew. Everything else is walked.
#pragma once

#include "runtime/base/disk_use.hpp"
#include "runtime/image/image_store.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace stack {

struct LayerUse {
    std::string id;
    std::uint64_t bytes = 0;  ///< folder and record
    std::size_t images = 0;   ///< how many need it; 0: gc removes it
};

struct BlobUse {
    std::string name;  ///< hex digits of its digest, or whatever lies there
    std::uint64_t bytes = 0;
    std::size_t images = 0;
};

/// An image is what one manifest stands for; it may have several names or none. It is kept because of its names, or
/// because of the container that uses it.
struct ImageUse {
    std::string digest, id;               ///< manifest and configuration, sha256:…
    std::vector<std::string> references;  ///< familiar, sorted
    std::string container;                ///< one that uses it; empty: none
    std::chrono::system_clock::time_point created, last_used;
    std::uint64_t unique_bytes = 0;   ///< what removing this image alone would free
    std::uint64_t shared_bytes = 0;   ///< layers and blobs that other images need as well
    std::vector<std::size_t> layers;  ///< indexes into StoreUsage::layers, each once
    std::vector<std::size_t> blobs;   ///< indexes into StoreUsage::blobs, each once
    [[nodiscard]] std::uint64_t bytes() const { return unique_bytes + shared_bytes; }
};

/// A partial download, or what a running or dead import has in staging/.
struct LooseUse {
    std::string name;
    std::uint64_t bytes = 0;
};

struct StoreUsage {
    std::vector<ImageUse> images;  ///< by first reference, nameless ones last
    std::vector<LayerUse> layers;
    std::vector<BlobUse> blobs;
    std::vector<LooseUse> downloads, leftovers;
    std::uint64_t frame_bytes = 0;  ///< folders, index.json, and files that are none of the above
    std::uint64_t total_bytes = 0;
};

/// The caller holds index_lock (ImageStore::hold), so that nothing appears or goes meanwhile. `disk` has counted the rest
/// of the data root or nothing. A missing store is an empty one. Throws Error.
StoreUsage measure_store(const StorePaths& paths, const ImagesInUse& in_use, DiskCounter& disk);

}  // namespace stack
