// The options of one mount as the runtime specification words them, sorted into what the kernel takes.
#pragma once

#include "runtime/init_program.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack {

struct MountOptions {
    bool bind = false;
    bool recursive_bind = false;
    std::uint64_t set = 0, clear = 0;                      ///< MOUNT_ATTR_… of the mount itself
    std::uint64_t recursive_set = 0, recursive_clear = 0;  ///< of it and all below (rro, rnosuid, …)
    std::uint64_t propagation = 0;                         ///< MS_PRIVATE, MS_SLAVE, …; 0: private
    bool recursive_propagation = false;
    bool id_mapped = false, recursively_id_mapped = false;
    bool copy_up = false;  ///< an empty volume or tmpfs takes over the image's content at the mount point
    std::vector<step::FilesystemOption> data;  ///< for the file system
    bool operator==(const MountOptions&) const = default;
};

/// Throws Error(invalid_input) for an option that this type does not have: nothing is passed on unread.
MountOptions parse_mount_options(const std::string& type, const std::vector<std::string>& options);

}  // namespace stack
