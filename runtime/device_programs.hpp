// Device rules of cgroup v2: programs of type BPF_PROG_TYPE_CGROUP_DEVICE, loaded and attached by bpf(2). What such a
// program says is cgroup_devices.cpp's.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/container_spec.hpp"

#include <memory>
#include <vector>

namespace stack {

/// Device programs loaded so far. Most containers have the same rules, and the kernel takes 0.3 ms to verify a program:
/// who starts many containers keeps one of these. Callable from any thread.
class DevicePrograms {
  public:
    DevicePrograms();
    ~DevicePrograms();
    DevicePrograms(const DevicePrograms&) = delete;
    DevicePrograms& operator=(const DevicePrograms&) = delete;

    struct Loaded {
        int fd = -1;    ///< borrowed; -1: the kernel refused
        int error = 0;  ///< its errno
    };
    /// Throws Error(invalid_input) for rules that make no sense.
    Loaded get(const std::vector<DeviceRule>& rules);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Attaches the program to the directory, in one step in the place of one that this function attached before. Programs
/// of others stay, and all must allow an access. The earlier one; invalid when there was none. Throws
/// Error(not_supported).
UniqueFd attach_device_program(int directory, int program);

}  // namespace stack
