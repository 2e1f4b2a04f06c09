// First mount of an empty volume: the image's content at the mount point goes in, as Docker does it, with the mount
// point's own owner and mode. Where the image has nothing there, the volume stays as it is.
//
// The volume may be mounted in a container that runs, whose root swaps any name for a link at any instant. So the copy is
// made beside the data, where no container can reach, and only then goes in, name by name, by rename.
//
//   <data>/volumes/<name>/fill.lock       one filler at a time; others wait, so that nobody starts on half of it
//   <data>/volumes/<name>/_filling/       0700, there while a fill is under way or after one that was killed
//   <data>/volumes/<name>/_filling/copy   what is being copied; what a killed fill left is removed
//   <data>/volumes/<name>/_filling/whole  `copy` by its next name, on its way into the data; the next fill goes on with it
#pragma once

#include "manager/engine/project_store.hpp"

namespace stack::engine {

/// `image_root` is the merged image (open_image_view), `mount` of a volume without `nocopy`. What somebody put into the
/// volume meanwhile stays. Blocks. Throws Error; the volume is still empty then, or the next fill goes on with the rest.
void fill_volume(int image_root, const MountRecord& mount);
/// Whether there is anything to fill: it is empty, or a fill was cut short or is under way.
bool wants_filling(const MountRecord& mount);

}  // namespace stack::engine
