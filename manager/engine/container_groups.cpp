#include "manager/engine/container_groups.hpp"

#include "manager/engine/container_setup.hpp"

#include <utility>

namespace stack::engine {

namespace {

CgroupPlace place_of(const ContainerRecord& record) {
    return {record.cgroup_parent, record.cgroup_scope};
}

}  // namespace

ContainerGroups::Made ContainerGroups::make(const ContainerRecord& record, const ContainerSpec& spec) {
    std::optional<SystemdScope> scope;
    std::optional<FileLock> parents;
    if (!record.service.cgroup_parent.empty()) parents = parents_.make(place_of(record));
    if (!record.cgroup_scope.empty()) {
        const std::string slice = record.cgroup_parent.substr(record.cgroup_parent.rfind('/') + 1);
        scope.emplace(SystemdScope::start({slice, record.cgroup_scope}, "stack container " + record.name,
                                          scope_properties(spec.resources, {}), bus_));
    }
    return {Cgroup::create(layout_, spec.cgroups_path, spec.resources, &programs_), std::move(scope)};
}

std::optional<Cgroup> ContainerGroups::open(const ContainerRecord& record) const {
    return Cgroup::open(layout_, cgroup_path(record));
}

void ContainerGroups::remove(const ContainerRecord& record) const {
    if (record.cgroup_scope.empty())
        remove_cgroup(layout_, cgroup_path(record));
    else
        remove_scope(record.cgroup_scope, bus_);
}

void ContainerGroups::prune_above(const ContainerRecord& record) const {
    if (record.service.cgroup_parent.empty())
        prune_empty_parents(layout_, cgroup_path(record));
    else
        parents_.remove_empty(place_of(record));
}

}  // namespace stack::engine
