// The cgroup of an OCI container: where it is, and the few things that commands do with it.
#pragma once

#include "runtime/cgroup.hpp"
#include "runtime/launcher.hpp"
#include "runtime/oci/container_record.hpp"

#include <optional>
#include <string>

namespace stack::oci {

/// Where the container's cgroup goes: `linux.cgroupsPath` below the root of the hierarchies, relative ones too; without
/// one a group of the container's own at the top. Throws Error(not_supported, invalid_input).
std::string choose_cgroup_path(const std::string& cgroups_path, const std::string& id, bool systemd);

/// The cgroup of the record; nullopt when it has none (any more).
std::optional<Cgroup> find_cgroup(const ContainerRecord& record, const CgroupLayout& layout);
/// Throws Error(not_supported) `WHAT needs a cgroup` when there is none.
Cgroup need_cgroup(const ContainerRecord& record, const CgroupLayout& layout, const std::string& what);
/// Kills what is in it and removes it with all below; missing is fine. Throws Error.
void destroy_cgroup(const ContainerRecord& record, const CgroupLayout& layout);

/// For LaunchOptions; borrows from the cgroup.
CgroupPlacement placement_in(const Cgroup& cgroup);

}  // namespace stack::oci
