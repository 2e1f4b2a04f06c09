// The root file system, as steps: where its tree comes from, hooks that look at it on the host, how it is entered. Private
// to the builders.
#pragma once

#include "runtime/program_builder.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack {

class RootPlanner {
  public:
    /// All are borrowed.
    RootPlanner(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                const LaunchShape& shape)
        : b_{builder}, spec_{spec}, facts_{facts}, shape_{shape} {}

    /// Makes the tree before a user namespace is entered: what is the host's is opened with the host's ids. Throws
    /// Error(invalid_input, not_supported).
    void open();
    /// Makes it unless that is done. Without hooks to run before, also enters the root; with them, it is attached to where they
    /// find it.
    void make();
    /// What the host's mounts become here, MS_PRIVATE or MS_SLAVE: a root that is to see them change stays their follower.
    /// Throws Error(invalid_input) for an unknown word.
    [[nodiscard]] std::uint64_t host_propagation() const;
    /// When all mounts are there: hooks, into the root, and its own propagation.
    void finish();
    [[nodiscard]] Slot root() const { return root_; }

  private:
    void make_tree();
    void make_overlay();
    step::LayerRef layer(const std::string& path, bool by_descriptor);
    std::vector<step::LayerRef> open_layers(bool by_descriptor);
    std::vector<step::LayerRef> map_layers();
    void enter(bool attach);

    ProgramBuilder& b_;
    const ContainerSpec& spec_;
    const HostFacts& facts_;
    const LaunchShape& shape_;
    Slot root_;
    int layer_slots_ = 0;
};

}  // namespace stack
