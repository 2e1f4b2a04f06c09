// Where credentials are looked for: the files of docker and of the containers project, and the helpers they name.
#pragma once

#include "runtime/image/registry/environment.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"

#include <string>
#include <vector>

namespace stack::registry {

/// The files, in order: $REGISTRY_AUTH_FILE, docker's config.json ($DOCKER_CONFIG or ~/.docker), then auth.json in
/// $XDG_RUNTIME_DIR/containers (or /run/containers/UID) and in $XDG_CONFIG_HOME/containers (or ~/.config/containers).
std::vector<std::string> auth_files(const Environment& environment);
/// docker's, in which `stack login` writes.
std::string docker_config_file(const Environment& environment);

/// The first that fit; empty when there are none. Nothing here fails: a public image needs no credentials, so a file or a
/// helper that can't be read is told in `warnings` and passed over.
Credentials find_credentials(const std::string& registry, const std::string& repository,
                             const Environment& environment, std::vector<std::string>& warnings);

}  // namespace stack::registry
