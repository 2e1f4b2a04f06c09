#include "manager/compose/normalize.hpp"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

namespace stack::compose {

namespace {

template <class Resource>
void name_resources(const std::string& project, std::map<std::string, Resource>& resources) {
    for (auto& [key, resource] : resources) {
        resource.key = key;
        if (!resource.name.empty()) continue;
        bool external = false;
        if constexpr (!std::is_same_v<Resource, FileSource>) external = resource.external;
        resource.name = external ? key : fmt::format("{}_{}", project, key);
    }
}

void read_environment(std::map<std::string, FileSource>& sources, const Variables& variables) {
    for (auto& [key, source] : sources) {
        if (source.environment.empty()) continue;
        const auto found = variables.find(source.environment);
        if (found != variables.end()) source.content = found->second;
    }
}

}  // namespace

void normalize(Project& project, const Variables& variables) {
    bool default_is_used = false;
    for (auto& [name, service] : project.services) {
        if (!service.networks.empty() || !service.network_mode.empty()) {
            default_is_used = default_is_used || service.networks.contains("default");
            continue;
        }
        service.networks["default"] = {};
        default_is_used = true;
    }
    if (default_is_used) project.networks.try_emplace("default");
    name_resources(project.name, project.networks);
    name_resources(project.name, project.volumes);
    name_resources(project.name, project.secrets);
    name_resources(project.name, project.configs);
    read_environment(project.secrets, variables);
    read_environment(project.configs, variables);
}

void apply_profiles(Project& project, const std::set<std::string>& profiles) {
    const auto is_on = [&profiles](const Service& service) {
        return service.profiles.empty() || profiles.contains("*") ||
               std::any_of(service.profiles.begin(), service.profiles.end(),
                           [&profiles](const std::string& profile) { return profiles.contains(profile); });
    };
    for (auto it = project.services.begin(); it != project.services.end();) {
        const auto current = it++;
        if (!is_on(current->second)) project.disabled_services.insert(project.services.extract(current));
    }
    for (auto& [name, service] : project.services)
        std::erase_if(service.depends_on, [&project](const auto& dependency) {
            return !dependency.second.required && !project.services.contains(dependency.first);
        });
}

std::vector<std::string> profile_names(const Project& project) {
    std::set<std::string> names;
    for (const auto* services : {&project.services, &project.disabled_services})
        for (const auto& [name, service] : *services)
            names.insert(service.profiles.begin(), service.profiles.end());
    return {names.begin(), names.end()};
}

}  // namespace stack::compose
