// First mount of an empty volume: the image's content at the mount point goes in, as Docker does it, with the mount
// point's own owner and mode. Where the image has nothing there, the volume stays as it is.
//
//   <data>/volumes/<name>/fill.lock     one filler at a time; others wait, so that nobody starts on half of it
//   <data>/volumes/<name>/unfinished    there while a fill is under way: what a killed one left is cleared and filled anew
#pragma once

#include "manager/engine/project_store.hpp"

namespace stack::engine {

/// `image_root` is the merged image (open_image_view), `mount` of a volume without `nocopy`. Blocks. Throws Error; the
/// volume is empty again then.
void fill_volume(int image_root, const MountRecord& mount);
/// Whether there is anything to fill: it is empty, or a fill was cut short or is under way.
bool wants_filling(const MountRecord& mount);

}  // namespace stack::engine
