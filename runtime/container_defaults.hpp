// What an image may expect when nobody says otherwise, as plain values for whoever builds a ContainerSpec.
// The lists are those of Docker's defaults, hardened as docs/architecture.md tells.
#pragma once

#include "runtime/container_spec.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack {

/// PATH of a process whose environment has none.
inline constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Docker's 14 default capabilities less NET_RAW, in kernel order.
std::vector<std::string> default_capabilities();
/// /proc and /sys files that tell about or steer the host; the pattern `cpu*` is expanded by the runtime.
std::vector<std::string> default_masked_paths();
std::vector<std::string> default_readonly_paths();
/// New mount, pid, network, ipc, uts and cgroup namespaces.
std::vector<NamespaceSpec> default_namespaces();
/// /proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys, /sys/fs/cgroup, in this order.
std::vector<MountSpec> default_mounts();

/// `base` plus `add` less `drop`, where names come with or without CAP_, in any case, and `ALL` means all that are
/// `available` (HostFacts::bounding_capabilities). As in Docker `add: [ALL], drop: [X]` is all but X, `drop: [ALL],
/// add: [X]` only X. Of `base` what is not available is left out; one added by name that is not is Error(permission).
/// Throws Error(invalid_input) for a name that does not exist, with the nearest one as hint.
std::vector<std::string> resolve_capabilities(const std::vector<std::string>& base,
                                              const std::vector<std::string>& add,
                                              const std::vector<std::string>& drop, std::uint64_t available);
/// The sets of a container's process: bounding, effective and permitted alike, inheritable and ambient empty
/// (CVE-2022-24769).
CapabilitySets capability_sets(const std::vector<std::string>& names);

}  // namespace stack
