// POSIX shared memory of a running container, for another one that shares its IPC namespace: to share message queues and
// semaphores without the files on /dev/shm would be half of it.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"

namespace stack {

/// A detached mount of what the container whose first process this is has on /dev/shm, for a MountSpec with a source "fd:NAME".
/// Blocks for some microseconds, on a thread of its own. Throws Error when there is none, or the container has ended.
UniqueFd open_shared_memory(const ProcessHandle& container);

}  // namespace stack
