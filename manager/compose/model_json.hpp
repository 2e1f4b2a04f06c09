// The model as JSON, without loss: the command line sends a Project to its supervisor, records keep a
// Service. Not the output of `stack config` (config_output.hpp): names and units here are the model's own.
// Empty and default members are left out, so records stay small and older readers meet no surprises.
#pragma once

#include "manager/compose/model.hpp"

#include <nlohmann/json_fwd.hpp>

namespace stack::compose {

nlohmann::json to_json(const Project& project);
nlohmann::json to_json(const Service& service);
nlohmann::json to_json(const Network& network);
nlohmann::json to_json(const Volume& volume);
nlohmann::json to_json(const FileSource& source);
nlohmann::json to_json(const Position& position);

/// Unknown members are ignored; a member of the wrong type throws Error(invalid_input) that names it.
Project project_from_json(const nlohmann::json& json);
Service service_from_json(const nlohmann::json& json);
Network network_from_json(const nlohmann::json& json);
Volume volume_from_json(const nlohmann::json& json);
FileSource file_source_from_json(const nlohmann::json& json);
Position position_from_json(const nlohmann::json& json);

}  // namespace stack::compose
