// Small projects and observed states by hand, for the planner's tests.
#pragma once

#include "manager/plan/config_hash.hpp"
#include "manager/plan/planner.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>

#include <fmt/format.h>

namespace stack::plan::test {

inline compose::Service service(const std::string& name) {
    compose::Service result;
    result.name = name;
    result.image = name + ":1";
    result.position = {"compose.yaml", 3, 3};
    return result;
}

/// Project `shop` of these services, each of them on the network `default` unless it names others.
inline compose::Project project(std::initializer_list<compose::Service> services) {
    compose::Project result;
    result.name = "shop";
    for (compose::Service one : services) {
        if (one.networks.empty()) one.networks["default"];
        result.services[one.name] = one;
    }
    result.networks["default"] = {.key = "default", .name = "shop_default"};
    return result;
}

inline void depend(compose::Service& who, const std::string& on,
                   compose::DependencyCondition condition = compose::DependencyCondition::service_started,
                   bool restart = false, bool required = true) {
    who.depends_on[on] = {.condition = condition, .restart = restart, .required = required};
}

inline void mount_volume(compose::Project& project, const std::string& service, const std::string& key) {
    project.volumes[key] = {.key = key, .name = "shop_" + key};
    compose::VolumeMount mount;
    mount.source = key;
    mount.target = "/" + key;
    project.services.at(service).volumes.push_back(mount);
}

/// A container exactly as the project asks for it.
inline ObservedContainer container(const compose::Project& project, const std::string& service,
                                   int number = 1, ContainerStatus status = ContainerStatus::running) {
    const compose::Service& definition = project.services.at(service);
    ObservedContainer result;
    result.name = definition.container_name.empty() ? fmt::format("shop-{}-{}", service, number)
                                                    : definition.container_name;
    result.id = "id-" + result.name;
    result.service = service;
    result.number = number;
    result.config_hash = service_hash(definition);
    result.service_spec = definition;
    result.image = definition.image;
    result.image_digest = "sha256:" + service;
    for (const auto& [key, attachment] : definition.networks)
        result.networks.insert(project.networks.at(key).name);
    for (const compose::VolumeMount& mount : definition.volumes)
        if (!mount.source.empty() && project.volumes.count(mount.source) != 0)
            result.volumes.insert(project.volumes.at(mount.source).name);
    result.status = status;
    return result;
}

/// Everything of the project exists and runs, `scale` containers a service.
inline ObservedState all_up(const compose::Project& project) {
    ObservedState state;
    for (const auto& [key, network] : project.networks)
        if (!network.external) state.networks.push_back({network.name, key, network_hash(network)});
    for (const auto& [key, volume] : project.volumes) {
        state.volumes.insert(volume.name);
        if (!volume.external) state.project_volumes.insert(volume.name);
    }
    for (const auto& [name, definition] : project.services) {
        state.images[definition.image] = "sha256:" + name;
        for (int number = 1; number <= definition.scale; ++number)
            state.containers.push_back(container(project, name, number));
    }
    return state;
}

inline std::string lines(const std::vector<std::string>& texts) {
    std::string result;
    for (const std::string& text : texts) result += text + "\n";
    return result;
}

/// What every plan must satisfy: ids are indices, prerequisites come first.
inline bool well_formed(const Plan& plan) {
    for (std::size_t i = 0; i < plan.operations.size(); ++i) {
        if (plan.operations[i].id != static_cast<int>(i)) return false;
        for (const int before : plan.operations[i].prerequisites)
            if (before < 0 || before >= static_cast<int>(i)) return false;
    }
    return true;
}

}  // namespace stack::plan::test
