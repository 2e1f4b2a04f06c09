#include "runtime/image/layout_image.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/image_config.hpp"
#include "runtime/image/oci_image.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

class LayoutContent : public ImageContent {
  public:
    explicit LayoutContent(const Members& members) : members_{members} {}

    std::string manifest(const Descriptor& descriptor) override {
        return members_.blob(descriptor.digest).text("manifest", kMaxManifestBytes);
    }
    std::string config(const Descriptor& descriptor) override {
        return members_.blob(descriptor.digest).text("configuration", kMaxConfigBytes);
    }
    std::vector<SourceLayer> layers(const std::vector<Descriptor>& layers,
                                    const std::vector<std::string>& diff_ids) override {
        std::vector<SourceLayer> sources;
        sources.reserve(layers.size());
        for (std::size_t i = 0; i < layers.size(); ++i) {
            const Descriptor& layer = layers[i];
            auto member = std::make_shared<Member>(members_.blob(layer.digest));
            if (member->size != layer.size)
                throw Error{ErrorKind::invalid_input, fmt::format("layer {} has {} bytes instead of {}",
                                                                  layer.digest, member->size, layer.size)};
            sources.push_back(
                {member->bytes(), member->size, BlobPlace::copied, layer.digest, diff_ids[i], member});
        }
        return sources;
    }

  private:
    const Members& members_;
};

bool is_compressed(const Member& member) {
    std::vector<std::byte> head;
    produce_file(member.fd.get(), member.offset, std::min<std::uint64_t>(member.size, kSniffBytes))(
        [&](Bytes bytes) { head.insert(head.end(), bytes.begin(), bytes.end()); });
    return sniff_compression(head) != Compression::none;
}

Descriptor stage_docker_save(const Members& members, const FoundImage& image, LayerStager& stager,
                             const StagingEvents& events) {
    const std::string config_text = members.get(image.config).text("image configuration", kMaxConfigBytes);
    const ImageConfig config = checked_config(config_text, image.layers.size(), host_platform(), events);
    std::vector<SourceLayer> sources;
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
        auto member = std::make_shared<Member>(members.get(image.layers[i]));
        // Plain archives become zstd in the store; compressed ones stay what they are.
        const BlobPlace place = is_compressed(*member) ? BlobPlace::copied : BlobPlace::converted;
        sources.push_back({member->bytes(), member->size, place, {}, config.diff_ids[i], member});
    }
    Manifest manifest;
    manifest.media_type = kOciManifestType;
    for (const LayerOutcome& layer : stager.add_layers(sources))
        manifest.layers.push_back(Descriptor{layer.media_type, layer.blob_digest, layer.blob_size, {}, {}});
    manifest.config = stager.add_blob(config_text, kOciConfigType);
    Descriptor result = stager.add_blob(manifest_json(manifest), kOciManifestType);
    result.platform = {config.architecture, config.os, config.variant};
    return result;
}

}  // namespace

Descriptor stage_layout_image(const Members& members, const FoundImage& image, LayerStager& stager,
                              const StagingEvents& events) {
    if (!image.is_oci()) return stage_docker_save(members, image, stager, events);
    LayoutContent content{members};
    return stage_oci_image(content, image.manifest, host_platform(), stager, events);
}

}  // namespace stack::image
