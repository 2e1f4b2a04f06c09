#include "runtime/oci/container_cgroup.hpp"

#include "runtime/base/error.hpp"

#include <fmt/format.h>

namespace stack::oci {

std::string choose_cgroup_path(const std::string& cgroups_path, const std::string& id, bool systemd) {
    if (systemd)
        throw Error{ErrorKind::not_supported, "--systemd-cgroup is not supported"}.with_hint(
            "leave it away: the cgroup is then made by files");
    if (cgroups_path.empty()) return "/stack-runtime-" + id;
    return cgroups_path.starts_with('/') ? cgroups_path : "/" + cgroups_path;
}

std::optional<Cgroup> find_cgroup(const ContainerRecord& record, const CgroupLayout& layout) {
    if (record.cgroup_path.empty() || layout.mode == CgroupLayout::Mode::none) return std::nullopt;
    return Cgroup::open(layout, record.cgroup_path);
}

Cgroup need_cgroup(const ContainerRecord& record, const CgroupLayout& layout, const std::string& what) {
    std::optional<Cgroup> cgroup = find_cgroup(record, layout);
    if (!cgroup)
        throw Error{ErrorKind::not_supported,
                    fmt::format("{} needs a cgroup, and the container has none", what)};
    return std::move(*cgroup);
}

void destroy_cgroup(const ContainerRecord& record, const CgroupLayout& layout) {
    const std::optional<Cgroup> cgroup = find_cgroup(record, layout);
    if (!cgroup) return;
    if (cgroup->populated()) cgroup->kill_all();
    remove_cgroup(layout, record.cgroup_path);
}

CgroupPlacement placement_in(const Cgroup& cgroup) {
    return {cgroup.clone_into_fd(), cgroup.task_fds()};
}

}  // namespace stack::oci
