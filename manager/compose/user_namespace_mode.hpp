// The words of `userns_mode`: which ask for a user namespace of the service's own, and for how many ids in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stack::compose {

/// What `private` and podman's `auto` stand for: every id that images commonly have, 0 to 65535.
inline constexpr std::uint32_t kUserNamespaceIds = 65536;
/// The most that `auto:size=N` may ask for.
inline constexpr std::uint32_t kMaxUserNamespaceIds = 1U << 24;

/// Number of ids of a user namespace of its own: `private`, `auto` or `auto:size=N`; 0 for `host`, the one of the host. nullopt:
/// anything else.
std::optional<std::uint32_t> user_namespace_ids(std::string_view mode);
/// Words of podman that there is no like of here: `keep-id`, `nomap`, `ns:PATH`, `container:NAME`.
bool is_podman_userns_mode(std::string_view mode);

}  // namespace stack::compose
