// `stack config`: what the Compose file means once it is read, merged and filled in.
#include "manager/cli/commands.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/table.hpp"
#include "manager/compose/config_output.hpp"
#include "manager/compose/explain.hpp"
#include "manager/compose/interpolation.hpp"
#include "manager/plan/config_hash.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
    names.reserve(map.size());
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

/// Names below a section that has no place in the model.
std::vector<std::string> names_in(const compose::Node& root, std::string_view section) {
    std::vector<std::string> names;
    if (const compose::Node* map = root.find(section))
        for (const compose::Entry& entry : map->items()) names.emplace_back(entry.key->text);
    return names;
}

std::string environment_text(const std::map<std::string, std::string>& environment) {
    std::string text;
    for (const auto& [name, value] : environment) text += fmt::format("{}={}\n", name, value);
    return text;
}

// ---- variables ------------------------------------------------------------------------------------------------------

/// What the files say of a variable.
struct VariableFacts {
    bool required = false;
    std::string otherwise, replacement;  // of the first use that has one
};
using VariableTable = std::map<std::string, VariableFacts>;

void collect_variables(const compose::Node& node, VariableTable& table) {
    for (const compose::Entry& entry : node.items()) collect_variables(*entry.value, table);
    if (!node.open) return;
    for (const compose::VariableUse& use : compose::variables_in(node.text)) {
        VariableFacts& facts = table[use.name];
        if (use.operation == '?') facts.required = true;
        if (use.operation == '-' && facts.otherwise.empty()) facts.otherwise = use.operand;
        if (use.operation == '+' && facts.replacement.empty()) facts.replacement = use.operand;
    }
}

std::string variables_text(const compose::Document& document, const std::string& format) {
    VariableTable table;
    collect_variables(*document.root, table);
    if (document.disabled) collect_variables(*document.disabled, table);
    if (format == "json") {
        nlohmann::json list = nlohmann::json::array();
        for (const auto& [name, facts] : table)
            list.push_back({{"name", name},
                            {"required", facts.required},
                            {"default", facts.otherwise},
                            {"alternate", facts.replacement}});
        return list.dump(2) + "\n";
    }
    std::vector<std::vector<std::string>> rows;
    rows.reserve(table.size());
    for (const auto& [name, facts] : table)
        rows.push_back({name, facts.required ? "true" : "false", facts.otherwise, facts.replacement});
    return format_table({"NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"}, rows);
}

// ---- the model ------------------------------------------------------------------------------------------------------

std::string explanation_text(const ConfigCommand& command, const compose::LoadResult& loaded) {
    const std::vector<compose::Explanation> found = compose::explain(*loaded.document, command.explain);
    if (command.format == "yaml") return compose::render(found, loaded.sources);
    return compose::to_json(found).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string model_text(const ConfigCommand& command, const compose::LoadResult& loaded) {
    const compose::Document& document = *loaded.document;
    compose::ConfigOutputOptions options;
    options.all_resources = command.all_resources;
    options.double_dollars = command.interpolate;
    if (!command.services.empty()) {
        const std::vector<std::string> kept = keys(loaded.project->services);
        options.services.emplace(kept.begin(), kept.end());
    }
    if (command.sources)
        options.comment = [&](const compose::Node& value) {
            return compose::source_note(document, value, loaded.sources);
        };
    return command.format == "json" ? compose::config_json(*document.root, options)
                                    : compose::config_yaml(*document.root, options);
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
        case Show::models:
            return lines(names_in(*loaded.document->root, "models"));
        case Show::hash:
            return hashes(project, command.hash);
        case Show::environment:
            return environment_text(loaded.environment);
        case Show::variables:
            return variables_text(*loaded.document, command.format);
        case Show::explanation:
            return explanation_text(command, loaded);
        case Show::model:
            break;
    }
    return model_text(command, loaded);
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
    // Variables are listed as the files write them, whether or not those that must be set are.
    request.interpolate = command.interpolate && command.show != Show::variables;
    request.resolve_paths = command.resolve_paths;
    request.normalize = command.normalize;
    request.resolve_environment = command.resolve_environment;
    request.check_consistency = command.check_consistency;
    if (command.sources && command.format != "yaml")
        throw Error{ErrorKind::invalid_input, "--sources are comments, which only YAML has"};
    compose::LoadResult loaded = load_project(
        context, request, command.format == "json" ? DiagnosticFormat::json : DiagnosticFormat::text);
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
