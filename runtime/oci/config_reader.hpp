// config.json of an OCI bundle -> ContainerSpec, by the runtime specification 1.3 (config.md, config-linux.md).
//
//   what                                        becomes
//   unknown keys, other platforms' sections     ignored
//   unknown values, wrong types, contradictions Error(invalid_input) with the place, `linux.namespaces[2].type`
//   known, but not to be had here               Error(not_supported) with the place
//   without effect by the specification's leave a warning
//
// Pure: paths stay as they are written; `resolve_bundle_paths` makes those absolute that are relative to the bundle.
#pragma once

#include "runtime/container_spec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace stack::oci {

struct OciConfig {
    std::string version;  ///< `ociVersion`
    ContainerSpec spec;   ///< without `id`
    std::vector<std::string> warnings;
    bool operator==(const OciConfig&) const = default;
};

/// Throws Error as told above; also for what is larger than 8 MiB or deeper than 64 levels.
OciConfig read_config(std::string_view text);

/// A process document (`exec --process`), as config.json's `process`. Warnings are added. Throws Error.
ProcessSpec read_process_document(std::string_view text, std::vector<std::string>& warnings);

/// A resources document (`update --resources`), as config.json's `linux.resources`. Throws Error.
ResourceSpec read_resources_document(std::string_view text, std::vector<std::string>& warnings);

/// The root and the sources of bind mounts, which may be relative to the bundle.
void resolve_bundle_paths(ContainerSpec& spec, const std::string& bundle);

}  // namespace stack::oci
