// How an image gets into the store: everything is prepared in a staging folder of its own, and appears at once.
//
// Order in `publish`, each step harmless if it is the last: overlay marks on the staged layers, all data to the disk,
// blobs by rename, layer records, layers by rename, then index.json (the only thing that makes an image exist).
#pragma once

#include "runtime/base/file_lock.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/layer_record.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stack {

struct StagedLayer {
    LayerRecord record;
    bool staged = false;  ///< false: the store has it already
};

/// A blob that lies, whole and checked, in the folder of downloads.
struct DownloadedBlob {
    std::string digest;
    std::uint64_t size = 0;
    auto operator<=>(const DownloadedBlob&) const = default;
};

struct StagedImage {
    std::string full_name;                  ///< of ImageReference: `name:tag`, or `name@digest`
    Descriptor manifest;                    ///< its blob is staged or in the store
    std::vector<std::string> blobs;         ///< digests of the staged blobs
    std::vector<DownloadedBlob> downloads;  ///< blobs to be taken from the folder of downloads
    std::vector<StagedLayer> layers;        ///< bottom first
    std::string source;            ///< digest that the registry has for the name; empty: not from one
    std::uint64_t downloaded = 0;  ///< bytes that came over the network
};

/// Names inside a staging folder.
inline constexpr const char* kStagedBlobs = "blobs";  ///< blobs/<hex>
inline constexpr const char* kStagedLayers =
    "layers";  ///< layers/<layer id>/, <layer id>.opaque (paths, each with a NUL)

/// As of now, the registry has `source` for this name, which means the image `digest` here.
void note_source(const StorePaths& paths, const std::string& full_name, const std::string& digest,
                 const std::string& source);

class ImportSession {
  public:
    /// Creates the store if need be, clears what dead imports left when nobody else is at work and downloads that are
    /// older than a week, and makes a fresh staging folder. While the session lives, nothing is collected. Throws Error.
    static ImportSession begin(const StorePaths& paths);
    /// Removes the staging folder, and what nothing needs when no other import is at work.
    ~ImportSession();
    ImportSession(ImportSession&&) noexcept;
    ImportSession& operator=(ImportSession&&) = delete;

    [[nodiscard]] const std::string& folder() const { return folder_; }
    /// Inherited by the worker's inner process, so that the store stays locked until that is gone, too.
    [[nodiscard]] int lock_fd() const { return lock_->fd(); }

    /// False when the name already stands for exactly this image (what is known of its source is brought up to date).
    /// Throws Error; the store is as before then, but
    /// for blobs and layers that nothing refers to.
    bool publish(StagedImage image);

  private:
    ImportSession(StorePaths paths, FileLock lock, std::string folder);
    [[nodiscard]] std::string staged_layer(const std::string& id) const;
    void mark_opaque_folders(const StagedLayer& layer) const;
    void move_blob(const std::string& digest) const;
    void move_download(const DownloadedBlob& blob) const;
    void move_layer(const StagedLayer& layer) const;

    StorePaths paths_;
    std::optional<FileLock> lock_;
    std::string folder_;  ///< empty: moved from
};

}  // namespace stack
