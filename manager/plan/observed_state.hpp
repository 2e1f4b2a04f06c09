// What exists of a project, as values: the planner's second input. Filled by engine/project_store from
// records, or by a test by hand.
#pragma once

#include "manager/compose/model.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::plan {

enum class ContainerStatus { created, running, paused, restarting, exited, dead };

/// The word `ps` shows and the records hold: created, running, paused, restarting, exited, dead.
const char* status_word(ContainerStatus status);

struct ObservedContainer {
    std::string id;    ///< 64 hex digits
    std::string name;  ///< shop-web-1
    std::string service;
    int number = 1;
    bool oneoff = false;
    std::string config_hash;  ///< of the service when it was created
    /// The service as it was then, to tell what changed; absent: only that something did.
    std::optional<compose::Service> service_spec;
    std::string image;               ///< reference as written in the file
    std::string image_digest;        ///< manifest digest it was created from
    std::set<std::string> networks;  ///< real names
    std::set<std::string> volumes;   ///< real names of named volumes
    /// service -> condition word, as recorded at creation: the stop order of a project without its file.
    std::map<std::string, std::string> depends_on;
    ContainerStatus status = ContainerStatus::created;
    int exit_code = 0;
    std::string health;  ///< "", starting, healthy, unhealthy
    bool operator==(const ObservedContainer&) const = default;
};

struct ObservedNetwork {
    std::string name;  ///< real name
    std::string key;   ///< key in the file
    std::string config_hash;
    bool operator==(const ObservedNetwork&) const = default;
};

struct ObservedState {
    std::vector<ObservedContainer> containers;
    std::vector<ObservedNetwork> networks;    ///< of this project
    std::set<std::string> external_networks;  ///< real names that exist and are not this project's
    std::set<std::string> volumes;            ///< real names of all volumes that exist
    std::set<std::string> project_volumes;    ///< those of them that carry this project's label
    std::map<std::string, std::string>
        images;  ///< reference -> manifest digest, for every image the project names
    bool operator==(const ObservedState&) const = default;
};

}  // namespace stack::plan
