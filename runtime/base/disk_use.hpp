// What files take on disk, counted as du(1) does: allocated blocks, folders included, every inode once however many
// names it has. Walks by descriptors, follows no link, and keeps one folder open whatever a tree's depth is.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <utility>

struct stat;

namespace stack {

class DiskCounter {
  public:
    /// Bytes of `path` and all that is below it; 0 when it is missing. What vanishes during the walk counts nothing.
    /// Throws Error, (conflict) when a folder is moved to another place meanwhile.
    std::uint64_t tree(const std::string& path);
    /// Bytes of that object alone, a folder without what it holds; 0 when it is missing. Throws Error.
    std::uint64_t object(const std::string& path);

  private:
    std::uint64_t first_sight(const struct stat& info);

    std::set<std::pair<dev_t, ino_t>> seen_;  ///< objects with several names that are counted
};

}  // namespace stack
