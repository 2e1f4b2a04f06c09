// The cgroup of an OCI container: where it is, who makes it (files, or systemd as a scope), and the few things that
// commands do with it.
#pragma once

#include "runtime/cgroup.hpp"
#include "runtime/cgroup_systemd.hpp"
#include "runtime/launcher.hpp"
#include "runtime/oci/program.hpp"

#include <functional>
#include <optional>
#include <string>

namespace stack::oci {

/// Decides where the container's cgroup goes and writes that into its record: `linux.cgroupsPath` below the root of the
/// hierarchies, relative ones too; without one a group of the container's own at the top. With `--systemd-cgroup` the path
/// is `slice:prefix:name`. Throws Error(invalid_input), and Error(conflict) when somebody is in there already: our limits
/// are not for them, and our `delete` would kill them.
void choose_cgroup(Program& program, const std::string& cgroups_path, ContainerRecord& record);

/// A cgroup that has been made, and what keeps it there until the container has come into it.
struct MadeCgroup {
    std::optional<Cgroup> cgroup;  ///< nullopt: this host, or the caller, has none for us
    std::optional<SystemdScope> scope;
    bool devices_restricted = false;
    /// By whatever this host has, unless it is done: `Cgroup::restrict_devices`.
    void restrict_devices(const ResourceSpec& resources);
    /// For LaunchOptions; borrows from the cgroup.
    [[nodiscard]] CgroupPlacement placement() const;
};
/// Makes the cgroup of the record with its limits; the path of a scope's is put on record. Device rules that a program can
/// enforce are left to the caller. Throws Error; not_supported for limits where there are no cgroups.
MadeCgroup make_cgroup(Program& program, ContainerRecord& record, const ContainerSpec& spec);

/// The cgroup of the record; nullopt when it has none (any more).
std::optional<Cgroup> find_cgroup(const ContainerRecord& record, const CgroupLayout& layout);
/// Throws Error(not_supported) `WHAT needs a cgroup` when there is none.
Cgroup need_cgroup(const ContainerRecord& record, const CgroupLayout& layout, const std::string& what);
/// Where further processes go: beside `init`, which may have moved to a group below to divide its own (on v2 the group
/// above takes no process then).
std::optional<Cgroup> find_cgroup_beside(pid_t init, const ContainerRecord& record,
                                         const CgroupLayout& layout);
/// Writes other limits and then calls `remember`; all or none: when that throws, `before` is in force again. Throws Error.
void update_cgroup(Program& program, const ContainerRecord& record, const ResourceSpec& before,
                   const ResourceSpec& wanted, const std::function<void()>& remember);
/// Kills what is in it and removes it with all below; missing is fine. Throws Error.
void destroy_cgroup(Program& program, const ContainerRecord& record);

CgroupPlacement placement_in(const Cgroup& cgroup);

}  // namespace stack::oci
