// One image of a layout that lies in a folder or an archive (image_source.hpp), on its way into the staging folder.
// Foreign bytes: used inside the sandbox only.
#pragma once

#include "runtime/image/image_source.hpp"
#include "runtime/image/layer_stager.hpp"

namespace stack::image {

/// An OCI layout's image, or one of `docker save`. The descriptor of its manifest, which for `docker save` is made here.
/// Throws Error(invalid_input).
Descriptor stage_layout_image(const Members& members, const FoundImage& image, LayerStager& stager,
                              const StagingEvents& events);

}  // namespace stack::image
