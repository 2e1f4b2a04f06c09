// `stack config`: what the Compose file means once it is read, merged and filled in.
#include "manager/cli/commands.hpp"
#include "manager/cli/loading.hpp"
#include "manager/compose/config_output.hpp"
#include "manager/plan/config_hash.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack::cli {

namespace {

using Show = ConfigCommand::Show;

std::string lines(const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text += item + "\n";
    return text;
}

template <class Map>
std::vector<std::string> keys(const Map& map) {
    std::vector<std::string> names;
    for (const auto& [name, value] : map) names.push_back(name);
    return names;
}

std::string image_names(const compose::Project& project) {
    std::set<std::string> images;
    for (const auto& [name, service] : project.services)
        images.insert(service.image.empty() ? fmt::format("{}-{}", project.name, name) : service.image);
    return lines({images.begin(), images.end()});
}

std::string hashes(const compose::Project& project, const std::string& wanted) {
    std::string text;
    std::set<std::string> names;
    for (const std::string& name : split(wanted, ',')) names.insert(name);
    for (const auto& [name, service] : project.services)
        if (wanted == "*" || names.erase(name) > 0)
            text += fmt::format("{} {}\n", name, plan::service_hash(service));
    if (wanted != "*" && !names.empty())
        throw Error{ErrorKind::invalid_input, fmt::format("no such service: {}", *names.begin())};
    return text;
}

std::string output_of(const ConfigCommand& command, const compose::LoadResult& loaded) {
    const compose::Project& project = *loaded.project;
    switch (command.show) {
        case Show::services:
            return lines(keys(project.services));
        case Show::volumes:
            return lines(keys(project.volumes));
        case Show::networks:
            return lines(keys(project.networks));
        case Show::images:
            return image_names(project);
        case Show::profiles:
            return lines(loaded.known_profiles);
        case Show::hash:
            return hashes(project, command.hash);
        case Show::model:
            break;
    }
    compose::ConfigOutputOptions options;
    options.all_resources = command.all_resources;
    options.double_dollars = command.interpolate;
    if (!command.services.empty()) {
        const std::vector<std::string> kept = keys(project.services);
        options.services.emplace(kept.begin(), kept.end());
    }
    const compose::Node& root = *loaded.document->root;
    return command.format == "json" ? compose::config_json(root, options)
                                    : compose::config_yaml(root, options);
}

/// Only the named services and what they need.
void keep_services(compose::Project& project, const std::vector<std::string>& names) {
    std::set<std::string> kept;
    std::vector<std::string> open = names;
    while (!open.empty()) {
        const std::string name = open.back();
        open.pop_back();
        const auto service = project.services.find(name);
        if (service == project.services.end())
            throw Error{ErrorKind::invalid_input, fmt::format("no such service: {}", name)};
        if (!kept.insert(name).second) continue;
        for (const auto& [dependency, how] : service->second.depends_on)
            if (project.services.contains(dependency)) open.push_back(dependency);
    }
    std::erase_if(project.services, [&](const auto& entry) { return !kept.contains(entry.first); });
}

}  // namespace

int run_config(const Context& context, const ConfigCommand& command) {
    compose::LoadRequest request = load_request(context);
    request.selected_services = {command.services.begin(), command.services.end()};
    request.purpose = compose::LoadPurpose::inspect;
    request.interpolate = command.interpolate;
    request.resolve_paths = command.resolve_paths;
    request.normalize = command.normalize;
    request.resolve_environment = command.resolve_environment;
    request.check_consistency = command.check_consistency;
    compose::LoadResult loaded = load_project(context, request);
    if (!command.services.empty()) keep_services(*loaded.project, command.services);
    if (command.quiet) return 0;
    const std::string text = output_of(command, loaded);
    if (command.output.empty())
        write_all(context.out.fd, text, "stdout");
    else
        write_file_atomically(command.output, text, Durability::crash, 0644);
    return 0;
}

}  // namespace stack::cli
