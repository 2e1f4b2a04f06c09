// A container's cgroup as a scope of systemd: systemd makes it, with delegation, and the runtime puts the container into
// it. Everything else about the cgroup is cgroup.hpp's, on the path that the scope turned out to have.
//
// A scope needs a process from the start, but the container must be born inside. So a placeholder enters first; it
// leaves when the container has come, and a scope into which nothing came goes away with it.
//
// Follows systemd.scope(5), https://systemd.io/CGROUP_DELEGATION and org.freedesktop.systemd1(5).
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/systemd/property.hpp"
#include "runtime/systemd/unit_name.hpp"
#include "runtime/systemd/units.hpp"

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace stack {

/// The properties of a scope for these limits and annotations, less those of making it. Reads /proc/devices and the
/// host's cgroup mounts. Throws Error as the functions of systemd/resource_properties.hpp do.
std::vector<systemd::Property> scope_properties(const ResourceSpec& resources,
                                                const std::map<std::string, std::string>& annotations);
/// Those that an update with these limits changes: nothing about devices when it has no rules for them.
std::vector<systemd::Property> changed_scope_properties(const ResourceSpec& changes);

class SystemdScope {
  public:
    /// Makes the scope and waits for it. A failed unit of the same name is forgotten first. Throws Error: already_exists,
    /// permission, not_supported without systemd.
    static SystemdScope start(const systemd::ScopeName& name, const std::string& description,
                              std::vector<systemd::Property> properties, const systemd::Bus& bus);
    SystemdScope(SystemdScope&& other) noexcept;
    SystemdScope& operator=(SystemdScope&&) = delete;
    ~SystemdScope();

    /// Below the mount points of the hierarchies, for `Cgroup`.
    [[nodiscard]] const std::string& cgroup_path() const { return path_; }
    /// Lets the placeholder go: the container is in.
    void release();

  private:
    SystemdScope() = default;
    UniqueFd placeholder_life_;  // the placeholder lives until it reads the end of this pipe
    pid_t placeholder_ = -1;
    std::string path_;
};

/// Limits of a living scope, as `changed_scope_properties` has them. Throws Error.
void set_scope_properties(const std::string& unit, const std::vector<systemd::Property>& properties,
                          const systemd::Bus& bus);
/// Ends the scope and what is in it, and forgets it; one that is gone is fine. Throws Error.
void remove_scope(const std::string& unit, const systemd::Bus& bus);
/// The same for a slice.
void remove_slice(const std::string& slice, const systemd::Bus& bus);

}  // namespace stack
