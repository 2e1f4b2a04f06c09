#include "manager/compose/used_resources.hpp"

#include "manager/compose/node_values.hpp"

namespace stack::compose {

namespace {

void collect_keys(const Node* map, std::set<std::string, std::less<>>& names) {
    if (map && map->is_mapping())
        for (const Entry& entry : map->items()) names.emplace(entry.key->text);
}

void collect_sources(const Node* list, std::set<std::string, std::less<>>& names) {
    if (list && list->is_sequence())
        for (const Entry& entry : list->items()) names.insert(member_text(*entry.value, "source"));
}

}  // namespace

UsedResources used_resources(const Node& root, const std::set<std::string>* services) {
    UsedResources used;
    const Node* map = usable_member(root, "services");
    if (!map) return used;
    for (const Entry& entry : map->items()) {
        const Node& service = *entry.value;
        if (services && !services->contains(std::string{entry.key->text})) continue;
        collect_keys(service.find("networks"), used["networks"]);
        collect_keys(service.find("models"), used["models"]);
        collect_sources(service.find("secrets"), used["secrets"]);
        collect_sources(service.find("configs"), used["configs"]);
        if (const Node* build = usable_member(service, "build"))
            collect_sources(build->find("secrets"), used["secrets"]);
        if (const Node* mounts = usable_member(service, "volumes"))
            for (const Entry& mount : mounts->items())
                if (member_text(*mount.value, "type") == "volume")
                    used["volumes"].insert(member_text(*mount.value, "source"));
    }
    return used;
}

}  // namespace stack::compose
