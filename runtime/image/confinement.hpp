// How a process of the image worker gives up what it does not need, and how one that has begins.
#pragma once

#include "runtime/base/child_process.hpp"

#include <sys/resource.h>

#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace stack::image {

/// Closes every descriptor but these and stderr.
void close_fds_except(std::vector<int> keep);
/// Lowers the soft and the hard limit; never raises them.
void lower_limit(decltype(RLIMIT_CORE) resource, rlim_t wanted);
/// Nothing that is run later can gain any other capability. Takes root (CAP_SETPCAP). Throws Error.
void drop_bounding_set(std::span<const int> kept);
/// Drops all other capabilities, and sets no_new_privs. Throws Error.
void keep_only_capabilities(std::span<const int> kept);

/// Forks. The child runs `enter`, which gives up privileges and must keep the descriptor that it is given open, then
/// `body`, whose return value is its exit status. What `enter` throws is thrown here, as `start WHAT`. The child
/// ends when `body` does; nothing of the caller's is destructed in it. Throws Error.
ProcessHandle fork_confined(std::string_view what, const std::function<void(int)>& enter,
                            const std::function<int()>& body);

}  // namespace stack::image
