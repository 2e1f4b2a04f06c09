// The place where foreign bytes are read: a process with its own mount, pid, network, ipc, uts and cgroup
// namespaces, whose whole file system is the staging folder, the existing layers (read-only) and the source folder
// (read-only); with the capabilities to own files in a layer and no others, no_new_privs and a seccomp allow-list.
// What an attacker who takes over the archive parser gets is the image that he sent anyway.
#pragma once

#include "runtime/base/child_process.hpp"

#include <functional>
#include <string>
#include <vector>

namespace stack::image {

struct SandboxPlan {
    std::string staging;  ///< host folder, writable inside
    std::string layers;   ///< host folder, read-only inside
    std::string
        source_folder;  ///< host folder, read-only inside, without what is mounted below it; may be empty
    std::vector<int> keep_fds;  ///< stay open under their numbers; everything but these and stderr is closed
};

/// Where the folders are inside.
inline constexpr const char* kInnerStaging = "/staging";
inline constexpr const char* kInnerLayers = "/layers";
inline constexpr const char* kInnerSource = "/source";

/// Forks; `body` runs inside and its return value is the exit status. Call while the process has one thread.
/// The child dies with its parent. Throws Error(permission) without the privilege to make namespaces.
ProcessHandle start_sandboxed(const SandboxPlan& plan, const std::function<int()>& body);

}  // namespace stack::image
