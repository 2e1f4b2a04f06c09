// What a ResourceSpec means in files of control groups: pure functions from values to values. Which files exist, which
// are written and what is done when the kernel refuses is cgroup_limits.cpp's.
//
// Follows `linux.resources` of the OCI runtime specification, Documentation/admin-guide/cgroup-v2.rst and
// cgroup-v1/*.rst.
#pragma once

#include "runtime/cgroup_layout.hpp"
#include "runtime/container_spec.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// One value for one file.
struct CgroupWrite {
    /// What a file that the kernel does not have means for the limit.
    enum class Missing {
        refuse,             ///< it can't be enforced
        without_swap_fine,  ///< nothing, on a host without swap space
        fine,               ///< nothing: another write carries the promise
    };
    std::string controller;  ///< "memory", "cpu", …
    std::string file;        ///< "memory.max"; empty: this version of cgroups has no such setting
    std::string value;
    std::string limit;  ///< what the user would call it, for messages: "memory.limit"
    Missing missing = Missing::refuse;
    /// The older or newer file of the same meaning, for kernels without `file`; empty: none.
    std::string other_file{}, other_value{};
    /// Set when the file holds a line for each device: "8:0", and the value that takes the line away.
    std::string device{}, reset_value{};
    bool operator==(const CgroupWrite&) const = default;
    /// `memory.max = 67108864`
    [[nodiscard]] std::string text() const;
};

/// What `Cgroup::create` will do on this host: each controller is used where it lives, v1 or v2.
struct CgroupPlan {
    std::vector<std::string> v1_controllers;  ///< a directory in the hierarchy of each; sorted
    std::vector<std::string>
        v2_controllers;  ///< switched on in the ancestors' cgroup.subtree_control; sorted
    std::vector<CgroupWrite> v1_writes, v2_writes;  ///< device rules are not among them
    /// Device rules as a BPF program on the v2 directory; else by the v1 controller where there is one.
    bool device_program = false;
    bool operator==(const CgroupPlan&) const = default;
};
/// Throws Error(not_supported) naming the first limit that this host can't enforce, and Error(invalid_input) for
/// limits out of range or in contradiction. `bpf_devices`: device programs work here.
CgroupPlan plan_cgroup(const CgroupLayout& layout, const ResourceSpec& resources, bool bpf_devices,
                       CgroupControllers controllers = CgroupControllers::needed);

/// Limits as cgroup v2 files; devices are not files there. Order matters and is right for a fresh cgroup.
std::vector<CgroupWrite> v2_writes(const ResourceSpec& resources);
/// Limits as cgroup v1 files, without device rules.
std::vector<CgroupWrite> v1_writes(const ResourceSpec& resources);
/// `blockIO` alone, as part of the two above.
std::vector<CgroupWrite> v2_block_io_writes(const BlockIoSpec& block_io);
std::vector<CgroupWrite> v1_block_io_writes(const BlockIoSpec& block_io);

/// `rdma` alone, the same on v1 and v2: a line for each device.
std::vector<CgroupWrite> rdma_writes(const std::map<std::string, RdmaLimit>& limits);

/// The value that puts `old_content`, the file's whole text before `write`, back. Pure.
std::string value_before(const CgroupWrite& write, std::string_view old_content);

/// cpu.weight (1…10000) for cpu shares (2…262144): 1024 shares, everybody's default, is weight 100, the
/// kernel's default.
std::uint64_t cpu_weight_of_shares(std::uint64_t shares);
/// io.weight (1…10000) for a weight of `blockIO` (10…1000), on the straight line that other runtimes use.
std::uint64_t io_weight_of_blkio(std::uint16_t weight);

// ---- Device rules ----

/// The rules in force: deny everything, then `resources.devices`, then what every container may use (null,
/// zero, full, random, urandom, tty, console, ptmx, pts; mknod of anything) as Docker and runc have it. Later
/// wins.
std::vector<DeviceRule> effective_device_rules(const ResourceSpec& resources);

/// `devices.allow` and `devices.deny` lines for the rules, in order, whatever the group allows now.
std::vector<CgroupWrite> v1_device_writes(const std::vector<DeviceRule>& rules);
/// The lines that turn what `devices.list` shows into `rules`. What both allow stays allowed at every moment.
/// Throws Error(not_supported) for a rule that denies a part of what a wider one allows: v1 can't.
std::vector<CgroupWrite> v1_device_transition(std::string_view devices_list,
                                              const std::vector<DeviceRule>& rules);
/// `devices.list` as rules.
std::vector<DeviceRule> parse_device_list(std::string_view devices_list);

/// One instruction of a BPF program, laid out as the kernel's `struct bpf_insn`.
struct DeviceInstruction {
    std::uint8_t code = 0;
    std::uint8_t registers = 0;  ///< destination in the low half, source in the high half
    std::int16_t offset = 0;
    std::int32_t immediate = 0;
    bool operator==(const DeviceInstruction&) const = default;
};
/// BPF_PROG_TYPE_CGROUP_DEVICE program that returns 1 for what the rules allow; the last matching rule
/// decides and no match denies. Throws Error(invalid_input) for a type or access letter it does not know.
std::vector<DeviceInstruction> device_program(const std::vector<DeviceRule>& rules);

}  // namespace stack
