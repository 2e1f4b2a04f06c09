// The layers and blobs of one image on their way into the staging folder, bottom layer first. Knows the chain ids and what
// the store has already; not where the bytes come from (import.hpp) nor how one layer is read (layer_import.hpp).
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/import.hpp"
#include "runtime/image/layer_import.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::image {

/// One layer of the source, before it is read.
struct SourceLayer {
    ByteProducer bytes;
    std::uint64_t size = 0;             ///< of the source, for progress; 0: unknown
    bool keep_bytes = false;            ///< the blob is the source byte for byte
    std::string wanted_digest;          ///< of the blob; empty: not said
    std::string wanted_diff_id;         ///< empty: not said
    std::shared_ptr<Member> keep_open;  ///< what `bytes` reads from
};

class LayerStager {
  public:
    /// All of them outlive the stager.
    LayerStager(const ImportRequest& request, const ImportPlaces& places, const ImportEvents& events)
        : request_{request}, places_{places}, events_{events} {}

    /// Reads the layers, each on top of those before it. Throws Error(invalid_input) for a wrong digest.
    std::vector<LayerOutcome> add_layers(const std::vector<SourceLayer>& sources);
    /// Stages a small blob (manifest, configuration).
    Descriptor add_blob(const std::string& text, std::string_view media_type);
    /// The image under the request's name.
    StagedImage finish(const Descriptor& manifest);

  private:
    LayerOutcome add_layer(const SourceLayer& source);
    LayerOutcome read_layer(const SourceLayer& source, int folder, int blob);
    UniqueFd make_layer_folder(const std::string& name);
    void finish_layer(const StagedLayer& layer, const std::string& folder_name,
                      const std::vector<std::string>& opaque);
    [[nodiscard]] std::optional<LayerRecord> stored_record(const std::string& chain) const;
    /// Descriptors of the layers so far, topmost first; they stay open until the end.
    const std::vector<int>& lower_layers();
    void rename_staged(const std::string& from, const std::string& to) const;

    const ImportRequest& request_;
    const ImportPlaces& places_;
    const ImportEvents& events_;
    StagedImage image_;
    std::vector<UniqueFd> lower_;
    std::vector<int> lower_numbers_;
    std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace stack::image
