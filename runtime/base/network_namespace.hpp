// Network namespaces by descriptor. No thread of the caller ever changes its namespace: work inside one runs on a thread
// of its own, and sockets opened there belong to it for good, whichever thread uses them later. See
// network_namespaces(7), setns(2).
#pragma once

#include "runtime/base/fd.hpp"

#include <functional>

namespace stack {

/// The namespace of the calling thread. Throws Error.
UniqueFd current_network_namespace();

/// Runs `work` on a fresh thread and waits. Exceptions come back.
void on_own_thread(const std::function<void()>& work);

/// Runs `work` on a fresh thread inside `netns` and waits. Exceptions come back. Throws Error.
void in_network_namespace(int netns, const std::function<void()>& work);

}  // namespace stack
