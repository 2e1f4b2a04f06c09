// Which images go, and what comes free. A choice (`plan_gc`, a function of values) and its execution under the store's
// locks. Never goes: what a container uses, and what a running import or pull needs.
#pragma once

#include "runtime/image/image_store.hpp"
#include "runtime/image/store_usage.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stack {

/// Images that no container uses and that have no name go always, as do blobs and layers that nothing refers to and what
/// dead imports left.
struct GcOptions {
    bool downloads = true;  ///< interrupted downloads as well; false: they stay, to be resumed
    bool unused = false;    ///< images with names as well
    /// Of images, only those created before this moment (by their own word).
    std::optional<std::chrono::system_clock::time_point> created_before;
    /// Then images with names, those first that were not used for longest, until the store takes no more than this.
    std::optional<std::uint64_t> keep_bytes;
};

struct GcPlan {
    std::vector<ImageUse> images;     ///< in the order in which they were chosen
    std::vector<std::string> layers;  ///< ids
    std::vector<std::string> blobs;   ///< as BlobUse::name
    std::vector<std::string> downloads, leftovers;
    std::uint64_t bytes = 0;  ///< that come free
    /// An import is running: only entries without a name go now, their blobs and layers when it ends. Plans leave it false.
    bool postponed = false;
    [[nodiscard]] bool empty() const {
        return images.empty() && layers.empty() && blobs.empty() && downloads.empty() && leftovers.empty();
    }
};

/// Pure. `bytes` is without what index.json shrinks by.
GcPlan plan_gc(const StoreUsage& usage, const GcOptions& options);

/// What `collect_garbage` would do now. Throws Error.
GcPlan preview_gc(const StorePaths& paths, const GcOptions& options, const FindImagesInUse& in_use);

/// Does it: afterwards du(1) of the store says exactly `bytes` less. Throws Error; what was removed until then is gone.
GcPlan collect_garbage(const StorePaths& paths, const GcOptions& options, const FindImagesInUse& in_use);

}  // namespace stack
