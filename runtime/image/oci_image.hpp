// An image that brings its own documents (image-spec manifest.md, image-index.md, config.md) on its way into the staging
// folder: index → manifest → configuration → layers, each checked against the digest that named it. Where the bytes lie,
// in a layout or in a registry, is behind `ImageContent`. Foreign bytes: used inside the sandbox only.
#pragma once

#include "runtime/image/layer_stager.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace stack::image {

/// Content by its digest. Digests of documents are checked by the caller, those of layers by the stager.
class ImageContent {
  public:
    virtual ~ImageContent() = default;
    /// The bytes of a manifest or an index. Throws Error(not_found), Error(invalid_input) beyond kMaxManifestBytes.
    virtual std::string manifest(const Descriptor& descriptor) = 0;
    /// The bytes of a configuration, at most kMaxConfigBytes.
    virtual std::string config(const Descriptor& descriptor) = 0;
    /// All layers of the image, bottom first, none of them read yet; `diff_ids` are theirs, as many.
    virtual std::vector<SourceLayer> layers(const std::vector<Descriptor>& layers,
                                            const std::vector<std::string>& diff_ids) = 0;
};

inline constexpr std::size_t kMaxConfigBytes = 8u << 20;

/// Stages the image that `start` names, for `platform` where it names several. The descriptor of its manifest.
/// Throws Error(not_found) when there is none for the platform, Error(not_supported) for what is no container image.
Descriptor stage_oci_image(ImageContent& content, const Descriptor& start, const Platform& platform,
                           LayerStager& stager, const StagingEvents& events);

/// A configuration that fits `layers` layers and this machine; another architecture is a warning.
ImageConfig checked_config(const std::string& text, std::size_t layers, const Platform& platform,
                           const StagingEvents& events);

}  // namespace stack::image
