// Any bytes as a manifest, an index and a configuration. Besides not crashing: what is taken is written so that it reads
// the same, every digest in it is one, and no list is longer than its bound.
#include "runtime/base/error.hpp"
#include "runtime/image/image_config.hpp"
#include "runtime/image/manifest.hpp"
#include "runtime/image/reference.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

using namespace stack;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void check(const Manifest& manifest) {
    require(is_sha256_digest(manifest.config.digest) && manifest.layers.size() <= kMaxLayers);
    for (const Descriptor& layer : manifest.layers) require(is_sha256_digest(layer.digest));
    require(std::get<Manifest>(parse_manifest_or_index(manifest_json(manifest))).layers.size() ==
            manifest.layers.size());
}

void check(const Index& index) {
    for (const Descriptor& entry : index.manifests) require(is_sha256_digest(entry.digest));
    require(parse_index(index_json(index)).manifests.size() == index.manifests.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        std::visit([](const auto& document) { check(document); }, parse_manifest_or_index(text));
    } catch (const Error&) {  // refused
    }
    try {
        const ImageConfig config = parse_image_config(text);
        require(config.diff_ids.size() <= kMaxLayers);
        ImageConfig again = parse_image_config(image_config_json(config, "fuzz"));
        again.history = config.history;  // written anew, one step a layer
        require(again == config);
    } catch (const Error&) {
    }
    return 0;
}
