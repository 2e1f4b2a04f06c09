// What belongs into a container's /dev: the devices that every one has, the links, pseudo terminals, shared memory, message
// queues, and the devices that are asked for. As steps; private to the builders.
//
// It is filled whatever it is: a fresh tmpfs when the spec mounts one there, else the directory of the root file system. Only
// a /dev that the spec brings along by a bind mount is used as it is.
#pragma once

#include "runtime/container_spec.hpp"
#include "runtime/mount_requests.hpp"
#include "runtime/mount_steps.hpp"
#include "runtime/program_builder.hpp"

#include <cstddef>
#include <vector>

namespace stack {

class DevPlanner {
  public:
    /// All are borrowed. `bind_devices`: nodes can't be made here, the host's are bound instead.
    DevPlanner(ProgramBuilder& builder, MountSteps& mounts, const ContainerSpec& spec,
               const MountRequests& wanted, bool bind_devices);

    /// While the host's tree is there: its devices, if they are to be bound.
    void open();
    /// Everything, unless the spec brings its own.
    void make(Slot root);
    /// After the mount of the spec's own: what the spec wants mounted in it.
    void look_into(Slot root);

    [[nodiscard]] Slot dev() const { return dev_; }
    [[nodiscard]] Slot pts() const { return pts_; }

  private:
    void open_spec_devices();
    void clone_private(const std::string& path, Slot tree);
    void mount_or_open(Slot root);
    void mount_inside();
    [[nodiscard]] std::vector<step::FilesystemOption> pts_options() const;
    void add_default_device(std::size_t index);
    void add_device(const DeviceSpec& device, Slot root);

    ProgramBuilder& b_;
    MountSteps& mounts_;
    const ContainerSpec& spec_;
    const MountRequests& wanted_;
    const bool bind_devices_, foreign_;
    std::vector<Slot> device_trees_, spec_device_trees_;
    Slot dev_, pts_;
};

}  // namespace stack
