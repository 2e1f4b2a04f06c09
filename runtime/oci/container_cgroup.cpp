#include "runtime/oci/container_cgroup.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/undo.hpp"
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/fault_point.hpp"
#include "runtime/oci/resource_update.hpp"

#include <errno.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

void check_cgroup_is_free(const ContainerRecord& record, const CgroupLayout& layout) {
    if (layout.mode == CgroupLayout::Mode::none || !cgroup_populated(layout, record.cgroup_path)) return;
    throw Error{ErrorKind::conflict, fmt::format("cgroup {} has processes in it", record.cgroup_path)}
        .with_hint("give each container a linux.cgroupsPath of its own");
}

// By the specification a limit of memory says nothing about swap; to the rest of the runtime it means as much swap again.
ResourceSpec to_the_letter(ResourceSpec resources) {
    if (resources.memory_limit_bytes.value_or(0) > 0 && resources.memory_swap_bytes.value_or(0) == 0)
        resources.memory_swap_bytes = -1;
    return resources;
}

// Less what nobody has to hold: 0 leaves things as they are, -1 is no limit. Device rules are a matter of their own.
ResourceSpec limits_among(ResourceSpec resources) {
    resources.devices.clear();
    resources.check_before_update = false;
    drop_unchanged(resources);
    for (std::optional<std::int64_t>* limit :
         {&resources.memory_limit_bytes, &resources.memory_reservation_bytes, &resources.memory_swap_bytes,
          &resources.cpu_quota_us, &resources.pids_limit})
        if (*limit == -1) limit->reset();
    return resources;
}

bool limits_something(const ResourceSpec& resources) {
    return limits_among(resources) != ResourceSpec{};
}

// Every configuration has device rules, and a container without a cgroup is what was asked for: they are no reason to
// refuse it, but whoever may make device nodes in it can use them all.
void check_does_without(Program& program, const ContainerSpec& spec, const char* why) {
    std::vector<std::string> names;
    const nlohmann::ordered_json limits = resources_json(limits_among(spec.resources));
    for (const auto& [name, value] : limits.items()) names.push_back("linux.resources." + name);
    if (!names.empty())
        throw Error{ErrorKind::not_supported,
                    fmt::format("{} can't be enforced: {}", join(names, ", "), why)};
    const bool can_make_devices = ::geteuid() == 0 && find_namespace(spec, NamespaceKind::user) == nullptr;
    if (!spec.resources.devices.empty() && can_make_devices)
        program.log.warning(fmt::format("linux.resources.devices is not enforced: {}", why));
}

bool may_do_without(const Program& program, const ContainerSpec& spec, const Error& error) {
    const bool forbidden = error.kind() == ErrorKind::permission || error.code() == EROFS;
    return program.globals.rootless && forbidden && !limits_something(spec.resources);
}

// The record names the unit before there is one, and the unit's cgroup as soon as it is known.
SystemdScope start_scope(Program& program, ContainerRecord& record, const ContainerSpec& spec) {
    const systemd::ScopeName name =
        systemd::parse_scope_name(spec.cgroups_path, record.id, record.user_scope);
    try {
        SystemdScope scope =
            SystemdScope::start(name, fmt::format("stack-runtime container {}", record.id),
                                scope_properties(to_the_letter(spec.resources), spec.annotations),
                                program.bus(record.user_scope));
        fault_point("create.scope");
        record.cgroup_path = scope.cgroup_path();
        program.store.save(record);
        return scope;
    } catch (const Error& error) {
        // A unit that is somebody else's must not be ended with this container.
        if (error.kind() == ErrorKind::already_exists) record.scope.clear();
        throw;
    }
}

// Without systemd there is no scope either: the record was written by a `create` that found that out.
void remove_scope_if_any(const Program& program, const ContainerRecord& record) {
    try {
        remove_scope(record.scope, program.bus(record.user_scope));
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::not_supported) throw;
    }
}

}  // namespace

void choose_cgroup(Program& program, const std::string& cgroups_path, ContainerRecord& record) {
    if (!program.globals.cgroups) return;
    if (program.globals.systemd_cgroup) {
        record.user_scope = ::geteuid() != 0;
        record.scope = systemd::parse_scope_name(cgroups_path, record.id, record.user_scope).unit;
        return;
    }
    if (cgroups_path.empty())
        record.cgroup_path = "/stack-runtime-" + record.id;
    else
        record.cgroup_path = cgroups_path.starts_with('/') ? cgroups_path : "/" + cgroups_path;
    check_cgroup_is_free(record, program.cgroups());
}

void MadeCgroup::restrict_devices(const ResourceSpec& resources) {
    if (!cgroup || devices_restricted) return;
    DevicePrograms programs;
    cgroup->restrict_devices(resources, programs);
    devices_restricted = true;
}

CgroupPlacement MadeCgroup::placement() const {
    return cgroup ? placement_in(*cgroup) : CgroupPlacement{};
}

MadeCgroup make_cgroup(Program& program, ContainerRecord& record, const ContainerSpec& spec) {
    MadeCgroup made;
    if (!program.globals.cgroups) {
        check_does_without(program, spec, "cgroups are disabled");
        return made;
    }
    const bool none = program.cgroups().mode == CgroupLayout::Mode::none;
    if (none) check_does_without(program, spec, "this host has no cgroup file system");
    if (!record.scope.empty()) made.scope.emplace(start_scope(program, record, spec));
    if (none) return made;
    try {
        made.cgroup =
            Cgroup::create_without_devices(program.cgroups(), record.cgroup_path,
                                           to_the_letter(spec.resources), CgroupControllers::counting);
        if (!program.cgroups().has_unified()) made.restrict_devices(spec.resources);
    } catch (const Error& error) {
        if (!may_do_without(program, spec, error)) throw;
        program.log.debug(fmt::format("{}: without a cgroup: {}", record.id, error.what()));
        record.cgroup_path.clear();
    }
    return made;
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

std::optional<Cgroup> find_cgroup_beside(pid_t init, const ContainerRecord& record,
                                         const CgroupLayout& layout) {
    if (layout.mode != CgroupLayout::Mode::v2 || record.cgroup_path.empty())
        return find_cgroup(record, layout);
    const std::string groups = read_file_if_exists(fmt::format("/proc/{}/cgroup", init)).value_or("");
    const CgroupLayout of_init = parse_cgroup_layout("", groups, "");
    const auto path = of_init.own_paths.find("");
    if (path == of_init.own_paths.end() || !path->second.starts_with(record.cgroup_path + '/'))
        return find_cgroup(record, layout);
    return Cgroup::open(layout, path->second);
}

void update_cgroup(Program& program, const ContainerRecord& record, const ResourceSpec& before,
                   const ResourceSpec& wanted, const std::function<void()>& remember) {
    const ResourceSpec changes = to_the_letter(wanted);
    Cgroup cgroup = need_cgroup(record, program.cgroups(), "update");
    Undo undo;
    cgroup.apply(changes, &undo);
    fault_point("update.written");
    if (!record.scope.empty()) {
        // systemd writes its own values again when it likes, so it has to know them; it rounds some, and takes others
        // back that it doesn't know.
        const systemd::Bus bus = program.bus(record.user_scope);
        undo.push([&record, bus, old = changed_scope_properties(to_the_letter(before))] {
            set_scope_properties(record.scope, old, bus);
        });
        set_scope_properties(record.scope, changed_scope_properties(changes), bus);
        fault_point("update.scope");
        cgroup.apply(changes, &undo);
    }
    fault_point("update.limited");
    remember();
    undo.release();
}

void destroy_cgroup(Program& program, const ContainerRecord& record) {
    const CgroupLayout& layout = program.cgroups();
    const bool has_cgroup = !record.cgroup_path.empty() && layout.mode != CgroupLayout::Mode::none;
    if (has_cgroup && record.scope.empty() && remove_empty_cgroup(layout, record.cgroup_path))
        return fault_point("destroy.empty");
    if (has_cgroup && cgroup_populated(layout, record.cgroup_path))
        if (const std::optional<Cgroup> cgroup = find_cgroup(record, layout)) cgroup->kill_all();
    fault_point("destroy.empty");
    if (!record.scope.empty()) remove_scope_if_any(program, record);
    fault_point("destroy.scope");
    if (has_cgroup) remove_cgroup(layout, record.cgroup_path);
}

CgroupPlacement placement_in(const Cgroup& cgroup) {
    return {cgroup.clone_into_fd(), cgroup.task_fds()};
}

}  // namespace stack::oci
