// What the entries of index.json keep alive, and the removal of everything else. The single place where blobs and layers
// are deleted; names and the choice of images are image_store.hpp's and store_gc.hpp's.
#pragma once

#include "runtime/image/image_store.hpp"

#include <set>
#include <string>

namespace stack {

struct Reachable {
    std::set<std::string> blobs;   ///< hex digits
    std::set<std::string> layers;  ///< layer ids
};

/// Adds what one entry needs: a manifest's blobs, those below a nested index, the layers it was unpacked to.
void reach(const StorePaths& paths, const Descriptor& entry, Reachable& result);

/// Removes blobs and layers that no entry needs, and all of staging/. Adds them, and the bytes that come free, to
/// `removal`. The caller holds gc_lock and index_lock alone. Downloads stay: they are to be resumed. Throws Error.
void collect_unreachable(const StorePaths& paths, const Index& index, ImageRemoval& removal);

}  // namespace stack
