// What `security_opt` refers to outside of the Compose file: seccomp profile files, AppArmor profiles and SELinux labels,
// as this host has them.
#pragma once

#include "manager/compose/model.hpp"
#include "runtime/container_spec.hpp"

#include <optional>
#include <string>

namespace stack::engine {

/// Throws Error at the place of `security_opt`: invalid_input for a profile file that can't be used, not_supported for an
/// AppArmor profile on a host without AppArmor.
void check_security_profiles(const compose::Service& service);

/// Puts the service's profiles and labels into a spec that has its capabilities. Throws as above.
void apply_security_profiles(const compose::Service& service, ContainerSpec& spec);

/// What of `security_opt` has no effect on this host and should be told; nullopt: nothing.
std::optional<std::string> security_note(const compose::Service& service);

}  // namespace stack::engine
