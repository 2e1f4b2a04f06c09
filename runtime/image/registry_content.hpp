// An image of a registry, as the staging of an image wants to see it (oci_image.hpp): documents are fetched whole, layers
// through the folder of downloads; what the store has is taken from there. Runs in the sandbox.
#pragma once

#include "runtime/image/downloads.hpp"
#include "runtime/image/oci_image.hpp"

#include <string>
#include <vector>

namespace stack::image {

/// Folders, as descriptors of the sandbox; the caller's.
struct PullPlaces {
    StagingPlaces store;
    int store_blobs = -1;  ///< read-only
    int downloads = -1;    ///< writable
};

class RegistryContent : public ImageContent {
  public:
    /// All of them outlive it.
    RegistryContent(const PullPlaces& places, const UnpackLimits& limits, registry::Fetcher& fetcher,
                    EventWriter& events);

    /// The manifest or index that `reference` (a tag or a digest) stands for, fetched and checked against `digest`, or
    /// against what the registry says when that is empty.
    Descriptor resolve(const std::string& reference, const std::string& digest);

    std::string manifest(const Descriptor& descriptor) override;
    std::string config(const Descriptor& descriptor) override;
    std::vector<SourceLayer> layers(const std::vector<Descriptor>& layers,
                                    const std::vector<std::string>& diff_ids) override;
    /// Bytes of layers that came over the network.
    [[nodiscard]] std::uint64_t downloaded() const { return downloads_.downloaded(); }

  private:
    [[nodiscard]] std::string stored_text(const Descriptor& descriptor, std::size_t limit) const;
    [[nodiscard]] UniqueFd make_file() const;
    SourceLayer download(const Descriptor& layer);
    SourceLayer stored(const Descriptor& layer, UniqueFd file);
    void check_space(std::uint64_t unpacked) const;

    PullPlaces places_;
    UnpackLimits limits_;
    registry::Fetcher& fetcher_;
    EventWriter& events_;
    LayerEvents layer_events_;
    Downloads downloads_;
    Descriptor resolved_;  ///< and its bytes
    std::string resolved_text_;
};

}  // namespace stack::image
