// Files and directories of a cgroup hierarchy, by descriptor. Part of the cgroup implementation, for nobody else.
#pragma once

#include "runtime/base/fd.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::cgroup_files {

/// openat with O_CLOEXEC and O_NOFOLLOW; invalid on failure with errno set.
UniqueFd open_below(int dir, const char* name, int flags);
UniqueFd open_subdirectory(int dir, const std::string& name);

/// The whole file; nullopt when it can't be read (no such file, or the cgroup is being removed).
std::optional<std::string> read_at(int dir, const char* file);
/// 0, or the errno of a failed write of the whole value at once (a cgroup file takes one write as one command).
int write_at(int dir, const std::string& file, std::string_view value);

/// Names of the groups below; empty when the directory is gone.
std::vector<std::string> child_groups(int dir);
/// Walks all groups below `dir`, however many a container has nested: `enter` gets each one's directory before those below it,
/// `leave` its parent's and its name after them. 0, or what `leave` returned other than 0. Groups may go away meanwhile.
int walk_groups(int dir, const std::function<void(int dir)>& enter,
                const std::function<int(int parent, const std::string& name)>& leave);

/// A whole unsigned decimal with white space around it; nullopt for anything else, "max" too.
std::optional<std::uint64_t> to_number(std::string_view text);
/// The number after `key ` on its own line of a flat keyed file.
std::optional<std::uint64_t> keyed_number(const std::optional<std::string>& text, std::string_view key);

}  // namespace stack::cgroup_files
