#include "runtime/image/load.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/entry_name.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/layout_image.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/source_file.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

// OCI layouts of some programs keep a tag alone, from which no name can be made.
bool is_bare_tag(const std::string& name, const FoundImage& image) {
    return image.is_oci() && name.find_first_of(":/@") == std::string::npos;
}

std::vector<std::string> full_names(const FoundImage& image, const StagingEvents& events) {
    std::vector<std::string> result;
    for (const std::string& name : image.names) {
        try {
            const ImageReference reference = ImageReference::parse(name);
            if (!is_bare_tag(name, image) && reference.digest.empty()) {
                result.push_back(reference.full());
                continue;
            }
        } catch (const Error&) {  // said below
        }
        events.warning(
            fmt::format("left out the name {}, which is none for an image; `stack image tag` gives one",
                        shown_name(name)));
    }
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

void load_members(const Members& members, const StagingPlaces& places, const UnpackLimits& limits,
                  const StagingEvents& events,
                  const std::function<void(StagedImage, std::vector<std::string>)>& loaded) {
    for (const FoundImage& image : images_in(members)) {
        LayerStager stager{places, limits, events};
        const Descriptor manifest = stage_layout_image(members, image, stager, events);
        loaded(stager.finish(manifest), full_names(image, events));
    }
}

}  // namespace

void load_images(const ImportPlaces& places, const UnpackLimits& limits, const StagingEvents& events,
                 const std::function<void(StagedImage, std::vector<std::string>)>& loaded) {
    if (places.source_folder >= 0)
        return load_members(*members_of_folder(places.source_folder), places.store, limits, events, loaded);
    SourceFile source{places.source_file, places.source_name, places.store.staging, limits.bytes, events};
    if (source.kind() == SourceKind::root_file_system)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{} holds no images, but a file system", shown_name(places.source_name))}
            .with_hint("make an image of it with `stack image import NAME ARCHIVE`");
    load_members(*source.members(), places.store, limits, events, loaded);
}

}  // namespace stack::image
