#include "manager/compose/profiles.hpp"

#include "manager/compose/node_values.hpp"

#include <algorithm>
#include <unordered_set>

namespace stack::compose {

namespace {

std::vector<std::string> profiles_of_service(const Node& service) {
    return strings_value(service.find("profiles"));
}

bool is_switched_on(const Node& service, const std::set<std::string>& profiles) {
    const std::vector<std::string> own = profiles_of_service(service);
    return own.empty() || profiles.contains("*") ||
           std::any_of(own.begin(), own.end(),
                       [&profiles](const std::string& profile) { return profiles.contains(profile); });
}

void drop_optional_dependencies(Node& services) {
    std::unordered_set<std::string_view> names;
    for (const Entry& entry : services.items()) names.insert(entry.key->text);
    for (Entry& service : services.items()) {
        Node* dependencies = usable_member(*service.value, "depends_on");
        if (!dependencies || !dependencies->is_mapping()) continue;
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < dependencies->count; ++i) {
            const Entry entry = dependencies->entries[i];
            const bool required = boolean_value(entry.value->find("required")).value_or(true);
            if (required || names.contains(entry.key->text)) dependencies->entries[kept++] = entry;
        }
        dependencies->count = kept;
        if (kept == 0) Tree::remove(*service.value, "depends_on");
    }
}

}  // namespace

std::vector<std::string> profile_names(const Node& root) {
    std::set<std::string> names;
    if (const Node* services = usable_member(root, "services"))
        for (const Entry& entry : services->items())
            for (std::string& profile : profiles_of_service(*entry.value)) names.insert(std::move(profile));
    return {names.begin(), names.end()};
}

std::set<std::string> profiles_of(const Node& root, const std::set<std::string>& services) {
    std::set<std::string> names;
    const Node* map = usable_member(root, "services");
    if (!map) return names;
    for (const std::string& service : services)
        if (const Node* node = map->find(service))
            for (std::string& profile : profiles_of_service(*node)) names.insert(std::move(profile));
    return names;
}

Node* take_disabled_services(Tree& tree, Node& root, const std::set<std::string>& profiles) {
    Node* disabled = tree.make_at(NodeKind::mapping, root);
    Node* services = usable_member(root, "services");
    if (!services || !services->is_mapping()) return disabled;
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < services->count; ++i) {
        const Entry entry = services->entries[i];
        if (is_switched_on(*entry.value, profiles))
            services->entries[kept++] = entry;
        else
            tree.append(*disabled, entry);
    }
    services->count = kept;
    drop_optional_dependencies(*services);
    return disabled;
}

}  // namespace stack::compose
