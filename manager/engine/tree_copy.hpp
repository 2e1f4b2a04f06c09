// A faithful copy of a folder of an image: owners, modes, times, links of both kinds, named pipes, holes, and the extended
// attributes that images keep. By descriptors; nothing is followed, executed or loaded.
#pragma once

namespace stack::engine {

/// Copies what is in `from` into `to` (both open for reading; `to` is empty), and the owner, mode and times of `from`
/// itself. Device nodes and sockets are left out. Throws Error naming the object; what was copied until then stays.
void copy_tree(int from, int to);

}  // namespace stack::engine
