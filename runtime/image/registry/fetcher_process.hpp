// Starts the fetcher: the process with the network and nothing else.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"

namespace stack::registry {

/// Forks. The child serves requests that come over `socket` (one end of a SOCK_SEQPACKET pair, which it keeps beside
/// stderr, and nothing else) until the other end closes, and dies with its parent. Before it speaks with anyone it
/// becomes nobody: uid and gid 65534 where the caller is root, no groups, no capabilities, no_new_privs, and a
/// seccomp filter without exec, ptrace, mounts, namespaces or opening files for writing.
/// Call while the process has one thread, and before start_sandboxed. Throws Error.
ProcessHandle start_fetcher(const FetcherPlan& plan, int socket);

}  // namespace stack::registry
