// The canonical tree -> the typed model of what the planner and the engine use. Everything has been checked by now and
// has one form, so this only reads; keys that the model has no field for are passed over (key_support.hpp has told the
// user what that means).
#pragma once

#include "manager/compose/env_file.hpp"
#include "manager/compose/model.hpp"
#include "manager/compose/tree.hpp"

namespace stack::compose {

/// `disabled`: the services that are off, a mapping. `variables`: where secrets and configs `environment` come from.
Project decode(const Tree& tree, const Node& root, const Node& disabled, const Variables& variables);
/// Puts services with `network_mode: bridge`, Docker's network for who is on none of the project's, on a network of their own,
/// apart from the others. After the project has its name.
void add_bridge_network(Project& project);

// One function for each part of the model, in a file of its own.
Service decode_service(const Tree& tree, const Entry& entry);
/// What `deploy` says goes before the service's own keys.
void decode_deploy(const Tree& tree, const Node& deploy, Service& service);
/// Adds a list of device requests.
void decode_device_requests(const Tree& tree, const Node& list, std::vector<DeviceRequest>& requests);
std::vector<VolumeMount> decode_mounts(const Tree& tree, const Node& service);
std::vector<FileGrant> decode_grants(const Tree& tree, const Node& list);

/// All members as texts; none for a node that is no mapping.
std::map<std::string, std::string> decode_texts(const Node* map);

}  // namespace stack::compose
