#include "manager/compose/consistency.hpp"

#include "manager/compose/node_values.hpp"
#include "manager/compose/used_resources.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

namespace {

constexpr const char* kKinds[] = {"services", "networks", "volumes", "secrets", "configs", "models"};

ConsistencyContext::Members members_of(const Node* map) {
    ConsistencyContext::Members members;
    if (map && map->is_mapping())
        for (const Entry& entry : map->items()) members.emplace(entry.key->text, &entry);
    return members;
}

void check_container_names(const ConsistencyContext& context, const Node& services) {
    std::map<std::string_view, const Entry*> names;
    for (const Entry& service : services.items()) {
        const Node* name = usable_member(*service.value, "container_name");
        if (!name) continue;
        const auto [first, is_new] = names.emplace(name->text, &service);
        if (is_new) continue;
        context.reporter.service = service.key->text;
        context.reporter
            .error("conflict",
                   fmt::format("services \"{}\" and \"{}\" have the same container_name",
                               first->second->key->text, service.key->text),
                   *name)
            .related.push_back(
                {"first here", context.reporter.position(*first->second->value->find("container_name"))});
    }
    context.reporter.service.clear();
}

// What is not ours to make can't be configured here.
void check_external(const ConsistencyContext& context, std::string_view what, const Entry& resource,
                    bool is_error) {
    if (!boolean_value(resource.value->find("external")).value_or(false)) return;
    for (const Entry& entry : resource.value->items()) {
        const std::string_view key = entry.key->text;
        if (key == "external" || key == "name" || key.starts_with("x-")) continue;
        if (is_error)
            context.reporter
                .error(
                    "conflict",
                    fmt::format("{} \"{}\" is external, so {} can't be given", what, resource.key->text, key),
                    *entry.key)
                .hint = "only name may stand beside external";
        else
            context.reporter.warning(
                "ignored-key",
                fmt::format("{} \"{}\" is external, so {} has no effect", what, resource.key->text, key),
                *entry.key);
    }
}

void check_sources(const ConsistencyContext& context, std::string_view what, const Entry& resource) {
    const bool is_config = what == "config";
    const Node& map = *resource.value;
    if (map.broken || boolean_value(map.find("external")).value_or(false) || map.find("driver")) return;
    int sources = 0;
    for (const Entry& entry : map.items()) {
        if (entry.value->broken) return;
        const std::string_view key = entry.key->text;
        if (key == "file" || key == "environment" || (is_config && key == "content")) ++sources;
    }
    if (sources == 1) return;
    context.reporter
        .error("conflict",
               fmt::format("{} \"{}\" has {} source", what, resource.key->text,
                           sources == 0 ? "no" : "more than one"),
               *resource.key)
        .hint = is_config ? "give one of file, environment and content" : "give one of file and environment";
}

void check_resources(const ConsistencyContext& context, const Node& root) {
    const auto each = [&root](std::string_view kind, auto&& check) {
        if (const Node* map = usable_member(root, kind); map && map->is_mapping())
            for (const Entry& entry : map->items()) check(entry);
    };
    each("networks", [&](const Entry& one) { check_external(context, "network", one, false); });
    each("volumes", [&](const Entry& one) { check_external(context, "volume", one, true); });
    each("secrets", [&](const Entry& one) { check_sources(context, "secret", one); });
    each("configs", [&](const Entry& one) { check_sources(context, "config", one); });
}

}  // namespace

const Node* ConsistencyContext::find(std::string_view kind, std::string_view name) const {
    const auto map = members.find(kind);
    if (map == members.end()) return nullptr;
    const auto found = map->second.find(name);
    return found == map->second.end() ? nullptr : found->second->value;
}

Diagnostic& ConsistencyContext::undefined(std::string_view kind, std::string_view name,
                                          const Node& where) const {
    Diagnostic& diagnostic =
        reporter.error("undefined",
                       fmt::format("service \"{}\" refers to undefined {} \"{}\"", reporter.service,
                                   kind.substr(0, kind.size() - 1), name),
                       where);
    if (!reporter.reporter().wants_suggestions()) return diagnostic;
    std::vector<std::string> known;
    if (const auto map = members.find(kind); map != members.end())
        for (const auto& [key, entry] : map->second) known.emplace_back(key);
    std::sort(known.begin(), known.end());
    if (const auto near = nearest(name, known)) diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
    return diagnostic;
}

void check_consistency(const Tree& tree, const Node& root, const Node& disabled, Reporter& reporter) {
    NodeReporter node_reporter{tree, reporter};
    ConsistencyContext context{node_reporter, {}, members_of(&disabled), reporter.services_with_errors()};
    for (const char* kind : kKinds) context.members[kind] = members_of(usable_member(root, kind));
    if (const Node* services = usable_member(root, "services"); services && services->is_mapping()) {
        for (const Entry& service : services->items()) {
            if (!is_usable(service.value) || !service.value->is_mapping()) continue;
            node_reporter.service = service.key->text;
            check_service_consistency(context, service);
            check_references(context, service);
        }
        node_reporter.service.clear();
        check_container_names(context, *services);
        check_dependency_cycles(context, *services);
    }
    check_resources(context, root);
}

void check_source_files(const Tree& tree, const Node& root, Reporter& reporter) {
    const UsedResources used = used_resources(root);
    NodeReporter node_reporter{tree, reporter};
    for (const char* kind : {"secrets", "configs"}) {
        const Node* map = usable_member(root, kind);
        const auto names = used.find(kind);
        if (!map || names == used.end()) continue;
        for (const Entry& entry : map->items()) {
            const Node* file = usable_member(*entry.value, "file");
            if (!file || !names->second.contains(entry.key->text)) continue;
            if (path_exists(std::string{file->text})) continue;
            node_reporter
                .error("missing-file",
                       fmt::format("the file of {} \"{}\" does not exist: {}",
                                   std::string_view{kind}.substr(0, 6), entry.key->text, file->text),
                       *file)
                .hint = "paths are relative to the project directory";
        }
    }
}

}  // namespace stack::compose
