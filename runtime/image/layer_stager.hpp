// The layers and blobs of one image on their way into the staging folder, bottom layer first. Knows the chain ids and what
// the store has already; not where the bytes come from (import.hpp, oci_image.hpp) nor how one layer is read (layer_import.hpp).
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/layer_import.hpp"
#include "runtime/image/store_writer.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack::image {

/// What becomes of a layer's archive.
enum class BlobPlace {
    converted,  ///< staged as zstd
    copied,     ///< staged byte for byte
    download,   ///< it lies in the folder of downloads, from where `publish` takes it
    stored,     ///< the store has it
};

/// One layer of the source, before it is read.
struct SourceLayer {
    ByteProducer bytes;
    std::uint64_t size = 0;  ///< of the source, for progress; 0: unknown
    BlobPlace blob = BlobPlace::converted;
    std::string wanted_digest;            ///< of the blob; empty: not said
    std::string wanted_diff_id;           ///< empty: not said
    std::shared_ptr<Member> keep_open{};  ///< what `bytes` reads from
    /// Called when the bytes are not what they should be; true: they can be read anew. May be empty.
    std::function<bool()> reject{};
    /// Bytes read so far, instead of StagingEvents::progress. May be empty.
    std::function<void(std::uint64_t)> progress{};
    /// Called when the layer is staged. May be empty.
    std::function<void()> finished{};
};

/// The record of an unpacked layer of the store; nullopt when it has none of this chain id. `layers`: the store's folder.
std::optional<LayerRecord> stored_layer(int layers, const std::string& chain);

/// Folders, as descriptors of the sandbox; the caller's.
struct StagingPlaces {
    int staging = -1;       ///< has `blobs` and `layers`
    int store_layers = -1;  ///< the store's unpacked layers, read-only
};

struct StagingEvents {
    /// phase: unpack, copy; bytes of the source; total 0 when it is unknown.
    std::function<void(const std::string& phase, std::uint64_t done, std::uint64_t total)> progress;
    std::function<void(const std::string& sentence)> warning;
};

class LayerStager {
  public:
    LayerStager(const StagingPlaces& places, const UnpackLimits& limits, StagingEvents events)
        : places_{places}, limits_{limits}, events_{std::move(events)} {}

    /// Reads the layers, each on top of those before it. Throws Error(invalid_input) for a wrong digest.
    std::vector<LayerOutcome> add_layers(const std::vector<SourceLayer>& sources);
    /// Stages a small blob (manifest, configuration).
    Descriptor add_blob(const std::string& text, std::string_view media_type);
    /// The image, without a name. Call once.
    StagedImage finish(const Descriptor& manifest);

  private:
    LayerOutcome add_layer(const SourceLayer& source);
    LayerOutcome stage_layer(const SourceLayer& source, bool unpack);
    void keep_blob(const SourceLayer& source, const LayerOutcome& outcome, const std::string& name);
    LayerOutcome read_layer(const SourceLayer& source, int folder, int blob);
    UniqueFd make_layer_folder(const std::string& name);
    void finish_layer(const StagedLayer& layer, const std::string& folder_name,
                      const std::vector<std::string>& opaque);
    /// Descriptors of the layers so far, topmost first; they stay open until the end.
    const std::vector<int>& lower_layers();
    void rename_staged(const std::string& from, const std::string& to) const;

    StagingPlaces places_;
    UnpackLimits limits_;
    StagingEvents events_;
    StagedImage image_;
    std::vector<UniqueFd> lower_;
    std::vector<int> lower_numbers_;
    std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace stack::image
