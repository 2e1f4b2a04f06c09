#include "runtime/image/oci_image.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/image_config.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr int kMaxIndexDepth = 3;

constexpr std::array<std::string_view, 6> kLayerTypes{kOciLayerTarType,
                                                      kOciLayerGzipType,
                                                      kOciLayerZstdType,
                                                      "application/vnd.docker.image.rootfs.diff.tar",
                                                      "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                                      "application/vnd.docker.image.rootfs.diff.tar.zstd"};

// The digest is over exact bytes, checked before they are parsed.
void check_document(const std::string& text, const Descriptor& descriptor, std::string_view what) {
    if (text.size() != descriptor.size || sha256_digest(text) != descriptor.digest)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the image's {} does not match its digest {}", what, descriptor.digest)};
}

void check_config_type(const std::string& type) {
    if (type == kOciConfigType || type == "application/vnd.docker.container.image.v1+json") return;
    throw Error{ErrorKind::not_supported,
                fmt::format("this is no container image, but an artifact of type '{}'", type)};
}

// Foreign (non-distributable) layers lie with a vendor instead of the registry: only Windows images had them.
void check_layer_type(const Descriptor& layer) {
    if (std::find(kLayerTypes.begin(), kLayerTypes.end(), layer.media_type) == kLayerTypes.end())
        throw Error{ErrorKind::not_supported, fmt::format("layer {} is of type '{}', which is not supported",
                                                          layer.digest, layer.media_type)};
}

Descriptor choose_for(const Platform& platform, const Index& index) {
    if (const Descriptor* chosen = choose_platform(index, platform)) return *chosen;
    std::vector<std::string> offered;
    for (const Descriptor& entry : index.manifests) offered.push_back(platform_text(entry.platform));
    throw Error{ErrorKind::not_found, fmt::format("the image is not made for {}", platform_text(platform))}
        .with_hint(fmt::format("it has: {}", join(offered, ", ")));
}

struct FoundManifest {
    std::string text;
    Manifest manifest;
};

FoundManifest find_manifest(ImageContent& content, const Descriptor& start, const Platform& platform) {
    Descriptor descriptor = start;
    for (int depth = 0;; ++depth) {
        FoundManifest found;
        found.text = content.manifest(descriptor);
        check_document(found.text, descriptor, "manifest");
        std::variant<Manifest, Index> document = parse_manifest_or_index(found.text);
        if (auto* manifest = std::get_if<Manifest>(&document)) {
            found.manifest = std::move(*manifest);
            return found;
        }
        if (depth == kMaxIndexDepth)
            throw Error{ErrorKind::invalid_input, "image indexes are nested too deeply"};
        descriptor = choose_for(platform, std::get<Index>(document));
    }
}

}  // namespace

ImageConfig checked_config(const std::string& text, std::size_t layers, const Platform& platform,
                           const StagingEvents& events) {
    ImageConfig config = parse_image_config(text);
    if (config.diff_ids.size() != layers)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the image has {} layers, but its configuration names {}", layers,
                                config.diff_ids.size())};
    if (layers == 0) throw Error{ErrorKind::invalid_input, "the image has no layers"};
    if (!config.os.empty() && config.os != platform.os)
        throw Error{ErrorKind::not_supported, fmt::format("the image is made for {}", config.os)};
    if (!config.architecture.empty() && config.architecture != platform.architecture)
        events.warning(fmt::format("the image is made for {}, wanted is {}", config.architecture,
                                   platform.architecture));
    return config;
}

Descriptor stage_oci_image(ImageContent& content, const Descriptor& start, const Platform& platform,
                           LayerStager& stager, const StagingEvents& events) {
    const FoundManifest found = find_manifest(content, start, platform);
    const Manifest& manifest = found.manifest;
    check_config_type(manifest.config.media_type);
    for (const Descriptor& layer : manifest.layers) check_layer_type(layer);
    const std::string config_text = content.config(manifest.config);
    check_document(config_text, manifest.config, "configuration");
    const ImageConfig config = checked_config(config_text, manifest.layers.size(), platform, events);
    stager.add_layers(content.layers(manifest.layers, config.diff_ids));
    static_cast<void>(stager.add_blob(config_text, manifest.config.media_type));
    Descriptor result =
        stager.add_blob(found.text, manifest.media_type.empty() ? kOciManifestType : manifest.media_type);
    result.platform = {config.architecture, config.os, config.variant};
    return result;
}

}  // namespace stack::image
