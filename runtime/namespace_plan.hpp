// Which namespaces a container joins and which it makes, as steps and as flags of its clone. Private to the builders.
#pragma once

#include "runtime/program_builder.hpp"

namespace stack {

/// A user namespace takes access to the host's files away, and what the container is made of must be opened before. So a
/// container with one is *staged*: a first process with the host's privileges joins what is to be joined and opens everything
/// (`begin`, then the caller's steps), then becomes or clones the process that goes on inside (`enter`). A caller
/// without privileges has nothing to lose, and enters the user namespace first.
class NamespacePlanner {
  public:
    /// All are borrowed. Throws Error(invalid_input, not_supported) with the name of the namespace.
    NamespacePlanner(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                     const LaunchShape& shape);
    [[nodiscard]] bool staged() const { return user_ && facts_.privileged; }
    void begin();
    void enter();

  private:
    void become_root();
    void respawn();
    void join_others();
    void join(const NamespaceSpec& entry);
    void plan_clocks(bool in_own_user_namespace);
    void check_net_devices() const;
    void await_net_devices();

    ProgramBuilder& b_;
    const ContainerSpec& spec_;
    const HostFacts& facts_;
    const LaunchShape& shape_;
    const NamespaceSpec* user_ = nullptr;
    int flags_ = 0;  // of what clone3 makes
};

/// Whether the container has another one of these than the parent: a new one, or one that it joins. What it does to its own
/// (sysctls, network devices) is not the host's concern.
bool has_own_namespace(const ContainerSpec& spec, const LaunchShape& shape, NamespaceKind kind);

/// hostname and domainname. Throws Error(invalid_input).
void plan_names(ProgramBuilder& builder, const ContainerSpec& spec);

}  // namespace stack
