// Where a container lives on a systemd host: `slice:prefix:name`, as callers write `linux.cgroupsPath` for runtimes that
// are asked to use systemd. Pure; systemd.unit(5), systemd.slice(5).
#pragma once

#include <string>
#include <string_view>

namespace stack::systemd {

struct ScopeName {
    std::string slice;  ///< machine.slice
    std::string unit;   ///< libpod-0123.scope
    bool operator==(const ScopeName&) const = default;
};

/// `slice` may be empty (system.slice, for a user's own manager user.slice) and `prefix` too. An empty path names a scope
/// `stack-runtime-ID.scope`. Throws Error(invalid_input) for other forms and for what can't be a unit's name.
ScopeName parse_scope_name(std::string_view cgroups_path, std::string_view id, bool user);

}  // namespace stack::systemd
