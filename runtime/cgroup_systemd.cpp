#include "runtime/cgroup_systemd.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/placeholder.hpp"
#include "runtime/cgroup_layout.hpp"
#include "runtime/cgroup_plan.hpp"
#include "runtime/systemd/resource_properties.hpp"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

/// Where systemd keeps the process: the v2 hierarchy, or systemd's own one of v1.
std::string cgroup_of(pid_t pid) {
    const CgroupLayout layout = parse_cgroup_layout("", read_file(fmt::format("/proc/{}/cgroup", pid)), "");
    for (const char* hierarchy : {"name=systemd", ""})
        if (const auto path = layout.own_paths.find(hierarchy); path != layout.own_paths.end())
            return path->second;
    throw Error{ErrorKind::not_supported, "this host has no cgroup hierarchy of systemd"};
}

std::vector<systemd::Property> creation_properties(const systemd::ScopeName& name,
                                                   const std::string& description, pid_t first) {
    std::vector<systemd::Property> properties{
        {"Description", description},
        {"Slice", name.slice},
        {"Delegate", true},
        {"PIDs", systemd::Property::Numbers{static_cast<std::uint32_t>(first)}},
        {"DefaultDependencies", false},
        // Gone once empty, even after a failure: there is nobody who would look at it.
        {"CollectMode", std::string{"inactive-or-failed"}},
    };
    for (const char* accounting : {"CPUAccounting", "MemoryAccounting", "TasksAccounting", "IOAccounting"})
        properties.push_back({accounting, true});
    return properties;
}

std::vector<systemd::Property> rules_as_properties(const ResourceSpec& resources) {
    return systemd::device_properties(effective_device_rules(resources),
                                      systemd::parse_driver_names(read_file("/proc/devices")));
}

void append(std::vector<systemd::Property>& to, std::vector<systemd::Property> more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<systemd::Property> scope_properties(const ResourceSpec& resources,
                                                const std::map<std::string, std::string>& annotations) {
    std::vector<systemd::Property> properties =
        systemd::resource_properties(resources, detect_cgroups().mode);
    append(properties, rules_as_properties(resources));
    append(properties, systemd::annotation_properties(annotations));
    return properties;
}

std::vector<systemd::Property> changed_scope_properties(const ResourceSpec& changes) {
    std::vector<systemd::Property> properties = systemd::resource_properties(changes, detect_cgroups().mode);
    if (!changes.devices.empty()) append(properties, rules_as_properties(changes));
    return properties;
}

SystemdScope SystemdScope::start(const systemd::ScopeName& name, const std::string& description,
                                 std::vector<systemd::Property> properties, const systemd::Bus& bus) {
    SystemdScope scope;
    Pipe life = make_pipe();
    scope.placeholder_ = ::fork();
    if (scope.placeholder_ < 0) throw_errno("fork a placeholder for the scope");
    if (scope.placeholder_ == 0) run_placeholder_in_child(life.read.get());
    scope.placeholder_life_ = std::move(life.write);
    // What the caller gives comes last and so wins over the defaults.
    std::vector<systemd::Property> all = creation_properties(name, description, scope.placeholder_);
    all.insert(all.end(), std::make_move_iterator(properties.begin()),
               std::make_move_iterator(properties.end()));
    try {
        systemd::start_unit(bus, name.unit, all);
    } catch (Error& error) {
        if (error.kind() == ErrorKind::already_exists)
            error.with_hint(fmt::format("systemctl stop {}", name.unit));
        throw;
    }
    scope.path_ = cgroup_of(scope.placeholder_);
    return scope;
}

SystemdScope::SystemdScope(SystemdScope&& other) noexcept
    : placeholder_life_{std::move(other.placeholder_life_)},
      placeholder_{std::exchange(other.placeholder_, -1)},
      path_{std::move(other.path_)} {}

SystemdScope::~SystemdScope() {
    release();
}

void SystemdScope::release() {
    placeholder_life_.reset();
    if (placeholder_ < 0) return;
    while (::waitpid(placeholder_, nullptr, 0) < 0 && errno == EINTR) {
    }
    placeholder_ = -1;
}

void set_scope_properties(const std::string& unit, const std::vector<systemd::Property>& properties,
                          const systemd::Bus& bus) {
    if (!properties.empty()) systemd::set_unit_properties(bus, unit, properties);
}

void remove_scope(const std::string& unit, const systemd::Bus& bus) {
    systemd::end_unit(bus, unit);
}

void remove_slice(const std::string& slice, const systemd::Bus& bus) {
    systemd::end_unit(bus, slice);
}

}  // namespace stack
