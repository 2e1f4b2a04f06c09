#include "manager/engine/observe_project.hpp"

#include "network/network_store.hpp"
#include "runtime/image/image_facts.hpp"
#include "runtime/image/image_store.hpp"

namespace stack::engine {

plan::ObservedState observe_project(const Paths& paths, const ProjectState& state,
                                    const compose::Project* project) {
    plan::ObservedState observed = observe(paths, state);
    if (!project) return observed;
    const ImageStore images{paths.data_root};
    for (const auto& [name, service] : project->services) {
        if (service.image.empty() || observed.images.contains(service.image)) continue;
        if (const auto image = images.find(service.image)) observed.images[service.image] = image->digest;
    }
    for (const network::NetworkRecord& record : network::NetworkStore{paths.data_root}.networks())
        if (record.project != state.name) observed.external_networks.insert(record.spec.name);
    return observed;
}

plan::KnownImages known_images(const Paths& paths, const std::set<std::string>& names) {
    plan::KnownImages known;
    for (const auto& [name, facts] : look_up_images(ImageStore{paths.data_root}, names))
        known.emplace(name, facts.fetched);
    return known;
}

}  // namespace stack::engine
