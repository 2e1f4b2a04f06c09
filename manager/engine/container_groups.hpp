// The control groups of a project's containers: made with their limits, found again, removed, by what the records say of
// where they lie (cgroup_parents.hpp).
#pragma once

#include "manager/engine/cgroup_parents.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/cgroup_systemd.hpp"
#include "runtime/device_programs.hpp"

#include <optional>
#include <string>

namespace stack::engine {

class ContainerGroups {
  public:
    ContainerGroups(const std::string& run_root, const systemd::Bus& bus)
        : layout_{detect_cgroups()}, bus_{bus}, parents_{run_root, layout_, bus} {}

    struct Made {
        Cgroup cgroup;
        std::optional<SystemdScope> scope;  ///< until the container is in
    };
    /// On failure nothing of it is left. Blocks. Throws Error.
    Made make(const ContainerRecord& record, const ContainerSpec& spec);
    /// nullopt when there is none.
    [[nodiscard]] std::optional<Cgroup> open(const ContainerRecord& record) const;
    /// Missing is fine. Blocks. Throws Error.
    void remove(const ContainerRecord& record) const;
    /// Removes those above it that are empty now and that are ours. Blocks. Throws Error.
    void prune_above(const ContainerRecord& record) const;

  private:
    const CgroupLayout layout_;
    const systemd::Bus bus_;
    const CgroupParents parents_;
    DevicePrograms programs_;  // the kernel verifies each once
};

}  // namespace stack::engine
