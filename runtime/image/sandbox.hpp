// The place where foreign bytes are read: a process with its own mount, pid, network, ipc, uts and cgroup
// namespaces, whose whole file system is what the plan names: the staging folder and, read-only, the existing layers and
// the source; with the capabilities to own files in a layer and no others, no_new_privs and a seccomp allow-list.
// What an attacker who takes over the archive parser gets is the image that he sent anyway.
#pragma once

#include "runtime/base/child_process.hpp"

#include <functional>
#include <string>
#include <vector>

namespace stack::image {

/// A host folder, without what is mounted below it.
struct SandboxFolder {
    std::string path;        ///< on the host
    const char* inner_path;  ///< one of kInner…
    bool writable = false;
};

struct SandboxPlan {
    std::vector<SandboxFolder> folders;  ///< at least one
    std::vector<int> keep_fds;  ///< stay open under their numbers; everything but these and stderr is closed
};

/// Where the folders are inside.
inline constexpr const char* kInnerStaging = "/staging";
inline constexpr const char* kInnerLayers = "/layers";
inline constexpr const char* kInnerSource = "/source";
inline constexpr const char* kInnerBlobs = "/blobs";
inline constexpr const char* kInnerDownloads = "/downloads";

/// Forks; `body` runs inside and its return value is the exit status. Call while the process has one thread.
/// The child dies with its parent. Throws Error(permission) without the privilege to make namespaces.
ProcessHandle start_sandboxed(const SandboxPlan& plan, const std::function<int()>& body);

}  // namespace stack::image
