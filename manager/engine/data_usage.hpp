// What everything of `stack` takes on disk, to the block: the image store's parts, containers, volumes, and the records
// around them. The parts are a partition of the data root, so `total_bytes` is what `du -s` says of it when nothing
// writes meanwhile.
#pragma once

#include "manager/engine/paths.hpp"
#include "manager/engine/volume_store.hpp"
#include "runtime/image/store_usage.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack::engine {

struct ContainerUse {
    std::string id, name, project;  ///< name is empty when the record can't be read
    std::string image_digest;
    bool running = false;
    std::uint64_t writable_bytes = 0;  ///< its writable layer
    std::uint64_t log_bytes = 0;
    std::uint64_t record_bytes = 0;  ///< records, generated files, the folder itself
    [[nodiscard]] std::uint64_t bytes() const { return writable_bytes + log_bytes + record_bytes; }
};

struct VolumeUse {
    VolumeRecord record;
    std::vector<std::string> containers;  ///< that mount it, sorted; empty: prune may take it
    std::uint64_t bytes = 0;              ///< data and record
};

struct DataUsage {
    StoreUsage store;
    std::vector<ContainerUse> containers;  ///< by project and name
    std::vector<VolumeUse> volumes;        ///< by name
    std::uint64_t record_bytes = 0;  ///< projects, networks, locks, and whatever else lies in the data root
    std::uint64_t total_bytes = 0;
};

/// Manifest digests that containers of all projects were made from, with the name of one each.
ImagesInUse images_in_use(const Paths& paths);

/// A missing data root takes nothing. No image appears or goes meanwhile; what containers write is seen as it is at that
/// moment. Blocks. Throws Error.
DataUsage measure_data(const Paths& paths);

}  // namespace stack::engine
