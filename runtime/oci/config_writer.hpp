// ContainerSpec -> config.json: what `spec` prints and what the state store keeps. The inverse of read_config on all that
// this runtime knows; what is empty, false or absent is left out, as Go's `omitempty` does.
#pragma once

#include "runtime/oci/config_reader.hpp"

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace stack::oci {

/// `indent` -1: one line.
std::string write_config(const OciConfig& config, int indent = -1);

/// The sections, for config_writer.cpp.
nlohmann::ordered_json process_json(const ProcessSpec& process);
nlohmann::ordered_json linux_json(const ContainerSpec& spec);
nlohmann::ordered_json resources_json(const ResourceSpec& resources);
nlohmann::ordered_json seccomp_json(const SeccompProfile& profile);
nlohmann::ordered_json id_mappings_json(const std::vector<IdMapping>& mappings);

}  // namespace stack::oci
