#include "manager/compose/extends.hpp"

#include "manager/compose/keys.hpp"
#include "manager/compose/merge.hpp"
#include "manager/compose/paths.hpp"
#include "manager/compose/validate.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::compose {

namespace {

// nullptr when the service extends none, or says so wrongly, which has been reported. (A null is left to the check of
// the merged tree.)
const Node* extends_of(const Node& service) {
    const Node* extends = service.find("extends");
    const bool counts = extends && !extends->is_null() && !extends->broken && extends->tag != NodeTag::reset;
    return counts ? extends : nullptr;
}

bool contains_broken(const Node& node) {
    return node.broken || std::any_of(node.items().begin(), node.items().end(),
                                      [](const Entry& entry) { return contains_broken(*entry.value); });
}

void remove_member(Node& map, const Node* value) {
    std::uint32_t kept = 0;
    for (const Entry& entry : map.items())
        if (entry.value != value) map.entries[kept++] = entry;
    map.count = kept;
}

}  // namespace

bool uses_extends(const Node& document) {
    const Node* services = document.find("services");
    return services && std::any_of(services->items().begin(), services->items().end(),
                                   [](const Entry& entry) { return entry.value->find("extends"); });
}

bool ExtendsResolver::resolve(Node& document) {
    complete_ = true;
    Scope scope = scope_of(document);
    if (Node* services = document.find("services"); services && services->is_mapping())
        for (const Entry& entry : services->items()) resolve(scope, scope.services.at(entry.key->text));
    return complete_;
}

ExtendsResolver::Scope ExtendsResolver::scope_of(Node& document) const {
    Scope scope;
    scope.file = tree_.file(document.file).name;
    Node* services = document.find("services");
    if (!services || !services->is_mapping()) return scope;
    scope.services.reserve(services->count);
    for (Entry& entry : services->items()) scope.services.emplace(entry.key->text, Service{&entry});
    return scope;
}

// Follows the chain down to a service that is worked out or extends none, then lays each over its base, from the bottom
// up: a chain may be thousands long, so there is no recursion.
void ExtendsResolver::resolve(Scope& scope, Service& service) {
    std::vector<Step> steps;
    std::set<std::pair<std::string_view, std::string_view>> passed;  // file, service
    Scope* current_scope = &scope;
    Service* current = &service;
    while (current && !current->resolved && !out_of_budget_) {
        const Node& key = *current->entry->key;
        const Node* extends = extends_of(*current->entry->value);
        if (!extends) break;
        if (!passed.emplace(tree_.file(key.file).name, key.text).second) {
            report_cycle(steps, {current, extends});
            current = nullptr;
            break;
        }
        steps.push_back({current, extends});
        current = base_of(*extends, *current, current_scope);
    }
    if (current) current->resolved = true;
    const Node* base = current ? current->entry->value : nullptr;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        lay_over(base, *step);
        base = step->service->entry->value;
    }
}

// Of the base's file; `scope` becomes that file's. nullptr after an error.
ExtendsResolver::Service* ExtendsResolver::base_of(const Node& extends, const Service& service,
                                                   Scope*& scope) {
    const Node* name = extends.is_mapping() ? extends.find("service") : &extends;
    const Node* file = extends.find("file");
    if (!name || name->is_null()) {
        Diagnostic& diagnostic =
            reporter_.error("extends", "extends needs the name of a service", tree_.position(extends));
        diagnostic.service = service.entry->key->text;
        diagnostic.hint = "write {service: NAME}, with file: PATH if it stands in another file";
        return nullptr;
    }
    if (name->broken || (file && file->broken)) return nullptr;
    if (file && file->is_scalar()) {
        if (is_remote(file->text)) {
            Diagnostic& diagnostic = reporter_.error(
                "remote-file", fmt::format("extending from another machine is not supported: {}", file->text),
                tree_.position(*file));
            diagnostic.service = service.entry->key->text;
            diagnostic.hint = "fetch it first, and extend the local file";
            return nullptr;
        }
        scope = base_scope(absolute_path(tree_.file(file->file).base_directory, file->text), *file);
        if (!scope) return nullptr;
    }
    const auto found = scope->services.find(name->text);
    if (found == scope->services.end()) {
        report_missing(*name, service, *scope, file);
        return nullptr;
    }
    Service& base = found->second;
    if (scope->is_base && !base.resolved)
        validate_service(tree_, *base.entry->key, *base.entry->value, reporter_);
    return &base;
}

ExtendsResolver::Scope* ExtendsResolver::base_scope(const std::string& path, const Node& place) {
    const auto [known, is_new] = base_scopes_.try_emplace(path);
    if (!is_new) return known->second.get();
    if (Node* root = load_base_(path, place)) {
        known->second = std::make_unique<Scope>(scope_of(*root));
        known->second->is_base = true;
    }
    return known->second.get();
}

// The service as written, over a copy of its base. `!reset` and `!override` of the base have done their work by then.
void ExtendsResolver::lay_over(const Node* base, const Step& step) {
    Entry& entry = *step.service->entry;
    step.service->resolved = true;
    remove_member(*entry.value, step.extends);
    complete_ = complete_ && base;
    if (!base || out_of_budget_) return;
    Node* copy = tree_.copy(*base, documents_.budget.alias_nodes_left);
    if (!copy) {
        documents_.report_copy_limit(*step.extends);
        out_of_budget_ = true;
        complete_ = false;
        return;
    }
    strip_merge_tags(*copy);
    if (reporter_.failed() && contains_broken(*copy)) reporter_.inherits_errors(entry.key->text);
    static const KeyNode& kServiceKeys = *key_tree().members.at("services")->named;
    const Node own = *entry.value;
    Node* merged = merge(tree_, *copy, *entry.value, kServiceKeys, reporter_,
                         fmt::format("services.{}", entry.key->text));
    merged->file = own.file;
    merged->offset = own.offset;
    entry.value = merged;
}

// ---- messages ----------------------------------------------------------------------------------------------------

std::string ExtendsResolver::describe(const Service& service) const {
    const Node& key = *service.entry->key;
    return fmt::format("{} ({})", key.text, file_name_of(tree_.file(key.file).name));
}

void ExtendsResolver::report_cycle(const std::vector<Step>& steps, const Step& again) {
    const auto first = std::find_if(steps.begin(), steps.end(), [&](const Step& step) {
        const Node &a = *step.service->entry->key, &b = *again.service->entry->key;
        return a.text == b.text && tree_.file(a.file).name == tree_.file(b.file).name;
    });
    std::string path;
    for (auto step = first; step != steps.end(); ++step) path += describe(*step->service) + " -> ";
    Diagnostic& diagnostic = reporter_.error(
        "extends-cycle", fmt::format("services extend each other: {}{}", path, describe(*again.service)),
        tree_.position(*first->extends));
    diagnostic.service = first->service->entry->key->text;
    for (auto step = first + 1; step != steps.end(); ++step)
        diagnostic.related.push_back(
            {fmt::format("{} extends the next here", step->service->entry->key->text),
             tree_.position(*step->extends)});
}

void ExtendsResolver::report_missing(const Node& name, const Service& service, const Scope& scope,
                                     bool other_file) {
    const std::string_view extending = service.entry->key->text;
    Diagnostic& diagnostic = reporter_.error("extends",
                                             fmt::format("service \"{}\" extends \"{}\", which is not in {}",
                                                         extending, name.text, file_name_of(scope.file)),
                                             tree_.position(name));
    diagnostic.service = extending;
    if (!reporter_.wants_suggestions()) return;
    std::vector<std::string> names;
    for (const auto& [other, unused] : scope.services)
        if (other != extending) names.emplace_back(other);
    std::sort(names.begin(), names.end());
    if (const auto near = nearest(name.text, names))
        diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
    else if (!other_file)
        diagnostic.hint = "a service of another file is named with {file: PATH, service: NAME}";
}

}  // namespace stack::compose
