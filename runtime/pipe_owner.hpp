// Whose the pipes are that a container's standard streams go through. A pipe can be opened again by /proc/self/fd, as /dev/stdout
// leads there, by who owns it alone. In a user namespace the container can't take those of a user whom it has not: they are given
// to its root from outside, who gives them on (`step::OwnPipes`).
#pragma once

#include "runtime/container_spec.hpp"
#include "runtime/launcher.hpp"

#include <sys/types.h>

namespace stack {

/// Nothing to do for a container without a user namespace, or with one whose ids the spec does not tell.
void give_pipes_to_root_of(const ContainerSpec& spec, const LaunchFds& fds);
/// The same of the user namespace that a process lives in.
void give_pipes_to_root_of(pid_t pid, const LaunchFds& fds);

}  // namespace stack
