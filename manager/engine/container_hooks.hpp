// What hooks of a container are told (runtime-spec, runtime.md "State"): services have them from their devices' CDI files.
#pragma once

#include "runtime/container_spec.hpp"

#include <sys/types.h>

#include <string>
#include <string_view>

namespace stack::engine {

/// Whether any hook runs before the container's root is entered.
bool has_creating_hooks(const HookSpecs& hooks);

/// The state document. `bundle`: where write_hook_bundle was.
std::string hook_state(const ContainerSpec& spec, const std::string& bundle, std::string_view status,
                       pid_t pid);

/// Hooks look the container's root up in config.json of the bundle: this writes one with the path at which createContainer
/// hooks find it, and no more. Throws Error.
void write_hook_bundle(const ContainerSpec& spec, const std::string& bundle);

}  // namespace stack::engine
