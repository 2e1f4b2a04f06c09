// Mounts of a test's container beside those that nearly every container has.
#pragma once

#include "runtime/container_defaults.hpp"

#include <utility>
#include <vector>

namespace stack::test {

/// The default mounts, then these.
inline std::vector<MountSpec> with_default_mounts(std::vector<MountSpec> more) {
    std::vector<MountSpec> all = default_mounts();
    for (MountSpec& mount : more) all.push_back(std::move(mount));
    return all;
}

}  // namespace stack::test
