// The sections of config.json, each read in a file of its own. Private to config_reader.cpp and read_*.cpp.
#pragma once

#include "runtime/container_spec.hpp"
#include "runtime/oci/json_node.hpp"

#include <string>
#include <vector>

namespace stack::oci {

using Warnings = std::vector<std::string>;

ProcessSpec read_process(const JsonNode& process, Warnings& warnings);
RootSpec read_root(const JsonNode& root);
std::vector<MountSpec> read_mounts(const JsonNode& mounts);
HookSpecs read_hooks(const JsonNode& hooks);
/// All of `linux`, resources and seccomp included, into `spec`.
void read_linux(const JsonNode& node, ContainerSpec& spec, Warnings& warnings);
ResourceSpec read_resources(const JsonNode& resources, Warnings& warnings);
SeccompSpec read_seccomp(const JsonNode& seccomp);

std::vector<IdMapping> read_id_mappings(const JsonNode& mappings);
/// Throws Error(not_supported) `PATH is not supported` with a hint.
[[noreturn]] void refuse(const JsonNode& node, std::string hint);
/// A text that must be an absolute path.
std::string absolute_path(const JsonNode& node);

}  // namespace stack::oci
