// Files that are either the old or the new version, never half of one: write-temp, (fsync), rename.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace stack {

enum class Durability {
    power_loss,  ///< fsync of file and directory: volumes, networks, images, projects
    crash,       ///< survives any process being killed; for what is dead after a reboot anyway
};

/// Replaces `path`. Throws Error; the old content stays on failure.
void write_file_atomically(const std::string& path, std::string_view content, Durability durability,
                           mode_t mode = 0600);

}  // namespace stack
