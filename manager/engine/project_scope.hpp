// Where the processes of a project live on a host that systemd runs: in a transient scope with delegation. systemd leaves
// alone what is below, nobody else writes there, and the end of the session in which `stack up` was called ends nothing.
//
//     system.slice/stack-PROJECT.scope/supervisor   keeper and supervisor: a group with controllers has no processes itself
//                                     /<id>         a container
//
// The scope goes when it is empty. Follows https://systemd.io/CGROUP_DELEGATION.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/cgroup_systemd.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace stack::engine {

class ProjectScope {
  public:
    /// Makes the project's scope, or finds that in which containers of an earlier keeper still run. nullopt where there is no
    /// systemd with a bus, where cgroup v2 is not all there is, and for others than root: the project lives below /stack then.
    /// Blocks for as long as systemd takes. Throws Error.
    static std::optional<ProjectScope> enter(const std::string& project, const systemd::Bus& bus);

    /// cgroup.procs of the group for keeper and supervisor, open for writing. The scope stays until something has come into it
    /// or this object goes. Borrowed.
    [[nodiscard]] int processes() const { return processes_.get(); }

  private:
    ProjectScope(std::optional<SystemdScope> made, UniqueFd processes)
        : made_{std::move(made)}, processes_{std::move(processes)} {}
    std::optional<SystemdScope> made_;
    UniqueFd processes_;
};

/// The group below which a supervisor in the group `own` of the v2 hierarchy (empty: there is none) puts the containers of its
/// project: its scope, else /stack/PROJECT. Pure.
std::string project_cgroup(std::string_view own, std::string_view project);
/// For this process.
std::string own_project_cgroup(std::string_view project);

}  // namespace stack::engine
