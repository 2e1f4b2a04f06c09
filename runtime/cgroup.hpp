// Control groups of a container: one front for cgroup v2, v1 and hybrid hosts.
//
// What to write is decided by pure mappers (`v2_writes`, `v1_writes`, `device_program`); this class only
// makes the directories, performs the writes and asks the kernel questions. A limit that can't be enforced is
// an Error(not_supported) that names the limit: never a shrug. Follows cgroups(7),
// Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst, and the `linux.resources` of the OCI runtime
// specification. Not here: systemd units and delegation (a path below a delegated cgroup works as it is).
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/device_programs.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// Which hierarchies this host has mounted, and where. A value: computed once, passed by reference.
struct CgroupLayout {
    enum class Mode {
        none,    ///< no cgroup file system is mounted
        v1,      ///< named controllers only
        hybrid,  ///< v1 controllers and a v2 hierarchy beside them (freeze, kill, CLONE_INTO_CGROUP, device
                 ///< programs)
        v2,      ///< one unified hierarchy
    };
    Mode mode = Mode::none;
    std::string unified_mount;                     ///< mount point of the v2 hierarchy; empty: none
    std::vector<std::string> unified_controllers;  ///< `cgroup.controllers` of its root, sorted
    std::map<std::string, std::string>
        v1_mounts;  ///< controller -> mount point ("cpu" -> "/sys/fs/cgroup/cpu")
    std::map<std::string, std::string> own_paths;  ///< controller ("" = v2) -> this process's own cgroup
    bool operator==(const CgroupLayout&) const = default;
    [[nodiscard]] bool has_unified() const { return !unified_mount.empty(); }
};

/// Pure: from the texts of /proc/self/mountinfo, /proc/self/cgroup and the v2 root's cgroup.controllers.
CgroupLayout parse_cgroup_layout(std::string_view mountinfo, std::string_view own_cgroup,
                                 std::string_view unified_controllers);
/// The first v2 mount point in a mountinfo text; empty when there is none.
std::string find_unified_mount(std::string_view mountinfo);
/// Reads the live system. Throws Error.
CgroupLayout detect_cgroups();

/// What a cgroup has used so far. Absent: no controller counts it.
struct CgroupUsage {
    std::optional<std::chrono::nanoseconds> cpu_time;
    std::optional<std::uint64_t> memory_bytes;  ///< without page cache that can be dropped (inactive_file)
    std::optional<std::uint64_t> memory_limit_bytes;  ///< nullopt also when unlimited
    std::optional<std::uint64_t> pids;
};

/// A cgroup of one container (in every hierarchy that it needs), held by descriptors. Closing it leaves the
/// cgroup in place; `remove_cgroup` is the explicit end.
class Cgroup {
  public:
    /// Makes the directories (parents with their controllers switched on) and writes the limits. Idempotent:
    /// an existing cgroup is reused. `path` is absolute below the mount points, `/stack/shop/<id>`, without
    /// `.` or `..`. On failure nothing that was made here stays. Throws Error: not_supported for a limit that
    /// can't be enforced, permission, invalid_input. `programs`: a cache that lives through the call.
    static Cgroup create(const CgroupLayout& layout, const std::string& path, const ResourceSpec& resources,
                         DevicePrograms* programs = nullptr);
    /// nullopt when it exists in no hierarchy. Throws Error.
    static std::optional<Cgroup> open(const CgroupLayout& layout, const std::string& path);

    /// For clone3's CLONE_INTO_CGROUP: the directory in the v2 hierarchy, -1 where there is none. Borrowed.
    [[nodiscard]] int clone_into_fd() const { return unified_.get(); }
    /// `tasks` of each v1 hierarchy, open for writing: the new process, while it has one thread, writes "0" into each
    /// (it may: the permission was checked at open). Not `cgroup.procs`: that one locks out every fork and exit of
    /// the host, which takes an RCU grace period. Borrowed; empty on pure v2.
    [[nodiscard]] std::vector<int> task_fds() const;
    /// Moves a process (all its threads) into this cgroup, in every hierarchy. Throws Error.
    void add_process(pid_t pid) const;

    /// Stops or continues every process; returns when the kernel says so, or throws Error(timeout) after 10
    /// s.
    void freeze(bool frozen) const;
    /// True when every process is stopped by `freeze`; false also where there is no freezer.
    [[nodiscard]] bool frozen() const;
    /// SIGKILL to every process in it and below it, including those forked meanwhile. Does not wait.
    void kill_all() const;
    /// How many processes the kernel's out-of-memory killer has killed here; 0 without a memory controller.
    [[nodiscard]] std::uint64_t oom_kills() const;
    [[nodiscard]] CgroupUsage usage() const;
    /// True while any process is in it or below it (zombies don't count).
    [[nodiscard]] bool populated() const;
    /// Process ids in it and below it, sorted.
    [[nodiscard]] std::vector<pid_t> processes() const;
    /// Writes limits anew (`update`). Throws Error as `create` does.
    void apply(const ResourceSpec& resources) const;

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    struct Hierarchy {
        std::vector<std::string> controllers;  // v1 controllers mounted here
        UniqueFd dir;
        UniqueFd tasks;
    };
    Cgroup() = default;
    [[nodiscard]] int controller_dir(std::string_view controller) const;
    [[nodiscard]] int tree_dir() const;  // the hierarchy that answers "who is in here"

    CgroupLayout layout_;
    std::string path_;
    UniqueFd unified_;
    std::vector<Hierarchy> v1_;
};

/// Removes the cgroup and everything below it from all hierarchies; missing is fine. Waits at most `limit`
/// for dying processes to leave (EBUSY); then throws Error(conflict). Does not kill.
void remove_cgroup(const CgroupLayout& layout, const std::string& path,
                   std::chrono::milliseconds limit = std::chrono::milliseconds{2000});
/// Removes `path` and then its ancestors (never the root) in all hierarchies, as far as they are empty.
void prune_empty_parents(const CgroupLayout& layout, const std::string& path);

// ---- The pure mappers, as tests read them ----

/// One value for one file.
struct CgroupWrite {
    std::string controller;  ///< "memory", "cpu", …
    std::string file;        ///< "memory.max"
    std::string value;
    std::string limit;  ///< what the user would call it, for messages: "memory.limit"
    /// Carries no promise on a host without swap space: a missing file is then no failure.
    bool needs_swap = false;
    bool operator==(const CgroupWrite&) const = default;
    /// `memory.max = 67108864`
    [[nodiscard]] std::string text() const;
};

/// What `Cgroup::create` will do on this host: each controller is used where it lives, v1 or v2.
struct CgroupPlan {
    std::vector<std::string> v1_controllers;  ///< a directory in the hierarchy of each; sorted
    std::vector<std::string>
        v2_controllers;  ///< switched on in the ancestors' cgroup.subtree_control; sorted
    std::vector<CgroupWrite> v1_writes, v2_writes;
    bool device_program =
        false;  ///< device rules as a BPF program on the v2 directory (else v1 writes, or nobody's)
    bool operator==(const CgroupPlan&) const = default;
};
/// Throws Error(not_supported) naming the first limit whose controller this host does not have, and
/// Error(invalid_input) for limits that contradict each other. `bpf_devices`: device programs work here.
CgroupPlan plan_cgroup(const CgroupLayout& layout, const ResourceSpec& resources, bool bpf_devices);

/// Limits as cgroup v2 files; devices are not files there. Order matters and is right for a fresh cgroup.
std::vector<CgroupWrite> v2_writes(const ResourceSpec& resources);
/// Limits as cgroup v1 files, without device rules.
std::vector<CgroupWrite> v1_writes(const ResourceSpec& resources);
/// `devices.allow` and `devices.deny` lines for the rules, in order.
std::vector<CgroupWrite> v1_device_writes(const std::vector<DeviceRule>& rules);

/// The rules in force: deny everything, then `resources.devices`, then what every container may use (null,
/// zero, full, random, urandom, tty, console, ptmx, pts; mknod of anything) as Docker and runc have it. Later
/// wins.
std::vector<DeviceRule> effective_device_rules(const ResourceSpec& resources);

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

/// cpu.weight (1…10000) for cpu shares (2…262144): 1024 shares, everybody's default, is weight 100, the
/// kernel's default.
std::uint64_t cpu_weight_of_shares(std::uint64_t shares);

}  // namespace stack
