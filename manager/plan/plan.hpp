// A plan: operations with resource, cause and prerequisites. Values only; planner.hpp makes them,
// executor.hpp carries them out, `--dry-run` prints them (plan_text).
#pragma once

#include "manager/compose/model.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace stack::plan {

enum class OperationKind {
    create_network,
    remove_network,
    create_volume,
    remove_volume,
    create_container,  ///< record and writable layer; `replaces` names the one whose number and place it
                       ///< takes
    start_container,   ///< until its process runs
    wait_condition,    ///< until every replica of `service` satisfies `condition`
    stop_container,    ///< stop signal, grace period, SIGKILL; ends when it has exited
    kill_container,    ///< `signal`, no waiting
    remove_container,
    barrier,  ///< nothing; joins many prerequisites into one, `resource` says which
};

struct Operation {
    int id = 0;  ///< index in Plan::operations
    OperationKind kind{};
    std::string
        resource;  ///< "Container shop-web-1", "Network shop_default", "Volume shop_data", "Service db"
    std::string
        cause;  ///< "not there", "environment DB_URL changed", "image changed", "removed from the file", …
    std::vector<int> prerequisites;

    std::string service;                       ///< containers and waits
    int number = 0;                            ///< replica, for containers
    std::string container_id;                  ///< of an existing container; empty when this plan creates it
    std::string name;                          ///< container name, or real name of the network or volume
    std::string key;                           ///< key in the file, for networks and volumes
    std::string config_hash;                   ///< create_container, create_network
    std::string replaces;                      ///< id of the container this one takes over from
    compose::DependencyCondition condition{};  ///< wait_condition
    /// wait_condition: false turns a failure, of this wait or of its prerequisites, into a warning; what
    /// follows goes on.
    bool required = true;
    std::optional<std::chrono::nanoseconds> timeout;  ///< stop_container: beats the service's grace period
    int signal = 0;                                   ///< kill_container
    bool operator==(const Operation&) const = default;
};

struct Plan {
    std::vector<Operation> operations;   ///< sorted so that prerequisites come first
    std::vector<std::string> unchanged;  ///< "Container shop-web-1": runs as it should, sorted
    std::vector<std::string> warnings;   ///< orphans, profile remarks
    [[nodiscard]] bool empty() const { return operations.empty(); }
    bool operator==(const Plan&) const = default;
};

/// One line an operation, stable between runs:
/// `create container shop-web-1 (not there) after network shop_default, volume shop_data`.
std::string plan_text(const Plan& plan);

}  // namespace stack::plan
