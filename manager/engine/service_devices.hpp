// The devices that a service gets by name from the CDI files of this host: entries of `devices` that are such names, `gpus`,
// and `deploy.resources.reservations.devices`.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/engine/cdi_file.hpp"

#include <string>
#include <vector>

namespace stack::engine {

/// What all of them together change; nothing for a service that names none, which reads no file. Throws Error(not_found,
/// conflict, invalid_input, not_supported) at the place of the entry, or in the specification that is wrong.
CdiEdits device_edits(const compose::Service& service, const std::vector<std::string>& cdi_directories);

}  // namespace stack::engine
