// Files by descriptor: openat2(2) wrappers that never follow a path out of the directory they are given.
#pragma once

#include "runtime/base/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// How a path is resolved below its directory (openat2's RESOLVE_ flags).
enum class Resolve {
    beneath,           ///< RESOLVE_BENEATH|NO_MAGICLINKS: `..` and links that leave are errors (EXDEV)
    beneath_no_links,  ///< the same and no symlink in any component (ELOOP)
    in_root,           ///< RESOLVE_IN_ROOT|NO_MAGICLINKS: the directory acts as `/`
};

/// openat2; invalid on failure with errno set, so that callers may treat ENOENT as an answer.
[[nodiscard]] UniqueFd try_open_at(int dir, const std::string& path, std::uint64_t flags, Resolve resolve,
                                   mode_t mode = 0);
/// The same; throws Error with `open 'path'`.
[[nodiscard]] UniqueFd open_at(int dir, const std::string& path, std::uint64_t flags, Resolve resolve,
                               mode_t mode = 0);
/// Plain open of a trusted host directory (O_DIRECTORY|O_RDONLY|O_CLOEXEC). Throws Error.
[[nodiscard]] UniqueFd open_directory(const std::string& path);

/// Creates all missing components below `dir` (each by mkdirat on a checked descriptor, in_root rules) and
/// returns the last as O_PATH|O_DIRECTORY. Throws Error.
UniqueFd make_directories_at(int dir, const std::string& path, mode_t mode);
/// mkdir -p for a trusted host path; leaves existing components alone. Throws Error.
void make_directories(const std::string& path, mode_t mode = 0700);

/// Whole file, nullopt when it does not exist. `limit` bounds the size. Throws Error.
std::optional<std::string> read_file_if_exists(const std::string& path, std::size_t limit = 64u << 20);
std::string read_file(const std::string& path, std::size_t limit = 64u << 20);

/// Removes a file or a whole tree by descriptor, not following symlinks; missing is fine. Throws Error after
/// removing what could be removed.
void remove_tree(const std::string& path);
void remove_tree_at(int dir, const std::string& name);

/// Names in a directory, sorted, without `.` and `..`; empty if it does not exist. Throws Error.
std::vector<std::string> list_directory(const std::string& path);
/// The same for a readable (not O_PATH) descriptor, which keeps its position.
std::vector<std::string> list_directory_at(int dir);

bool path_exists(const std::string& path);

}  // namespace stack
