// Which mounts a container gets, in which order, as steps. Private to the builders.
//
// Order: host objects are opened while the host's tree is still there; the tree is made private; the root is mounted and
// entered; then /proc, /dev and what is in it, /sys, the cgroup view; then the spec's own mounts in their order; then
// masks and read-only paths. What the spec's mounts say about /proc, /dev, /dev/pts, /dev/shm,
// /dev/mqueue, /sys or /sys/fs/cgroup with the type that belongs there sets options; a bind there takes its place.
#pragma once

#include "runtime/container_spec.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/program_builder.hpp"

#include <functional>
#include <string>

namespace stack {

/// What later steps need of the mounted tree.
struct MountedTree {
    Slot root, proc, dev, pts;
};

/// Adds everything from opening sources to masks. `enter`, when given, is called in between: it adds the steps into the
/// container's user namespace, behind which nothing of the host can be opened. Throws Error(invalid_input, not_supported).
MountedTree plan_mounts(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                        const LaunchShape& shape, const std::function<void()>& enter);

}  // namespace stack
