// The part that a container's first process and an exec have in common, as steps: standard streams, user, limits, gate,
// privileges, exec. Private to the builders.
#pragma once

#include "runtime/mount_plan.hpp"
#include "runtime/program_builder.hpp"

#include <string>
#include <vector>

namespace stack {

class ProcessPlanner {
  public:
    /// All are borrowed. Throws Error(invalid_input) when there is no command.
    ProcessPlanner(ProgramBuilder& builder, const ProcessSpec& process, const SeccompSpec& seccomp,
                   const HostFacts& facts, const LaunchShape& shape);

    /// Before the root may become read-only, because a missing directory is made.
    void plan_directory(const MountedTree& tree, bool create);
    /// The rest, up to exec. `start_hooks` run right before it, with no more privileges than the command.
    void plan(const MountedTree& tree, const std::vector<HookSpec>& start_hooks);

  private:
    void plan_streams(const MountedTree& tree);
    void plan_user(const MountedTree& tree);
    void plan_limits();
    void plan_labels(const MountedTree& tree);
    void plan_gate();
    void plan_seccomp();
    void take_profile();
    void plan_privileges();

    ProgramBuilder& b_;
    const ProcessSpec& process_;
    const SeccompSpec& seccomp_;
    const HostFacts& facts_;
    const LaunchShape& shape_;
    Slot terminal_;
    bool notifies_ = false;  ///< the filter has a listener
};

/// The value of `key` among `K=V` entries.
std::string env_value(const std::vector<std::string>& env, std::string_view key, std::string fallback);

}  // namespace stack
