// A faithful copy of a folder of an image: owners, modes, times, links of both kinds, named pipes, holes, and the extended
// attributes that images keep. By descriptors; nothing is followed, executed or loaded.
#pragma once

struct stat;

namespace stack::engine {

/// Copies what is in `from` into `to` (both open for reading; `to` is empty), and the owner, mode and times of `from`
/// itself. Device nodes and sockets are left out. Throws Error naming the object; what was copied until then stays.
void copy_tree(int from, int to);

/// Gives `to` owner, mode and times of `info`, and the extended attributes of `from`. Both are open. Throws Error.
void copy_attributes(int from, int to, const struct stat& info);

}  // namespace stack::engine
