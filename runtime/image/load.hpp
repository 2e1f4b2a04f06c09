// The inner half of `stack-image load`: all images of an archive, staged one after another. Runs in the sandbox.
#pragma once

#include "runtime/image/import.hpp"

#include <functional>
#include <string>
#include <vector>

namespace stack::image {

/// Stages each image and hands it over with its full names, as the archive has them (none: it has only its digest). The
/// image must be in the store when `loaded` returns: layers that the next one shares with it are not unpacked again.
/// Throws Error; (invalid_input) when the source holds no images.
void load_images(const ImportPlaces& places, const UnpackLimits& limits, const StagingEvents& events,
                 const std::function<void(StagedImage, std::vector<std::string>)>& loaded);

}  // namespace stack::image
