// Control groups of a container: one front for cgroup v2, v1 and hybrid hosts.
//
// What to write is decided by pure functions (cgroup_plan.hpp); this class only makes the directories, performs the
// writes and asks the kernel questions. A limit that can't be enforced is
// an Error(not_supported) that names the limit: never a shrug. Follows cgroups(7),
// Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst, and the `linux.resources` of the OCI runtime
// specification. Not here: systemd's units (cgroup_systemd.hpp); a path below a delegated cgroup works as it is.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/base/undo.hpp"
#include "runtime/cgroup_layout.hpp"
#include "runtime/cgroup_oom.hpp"
#include "runtime/cgroup_stats.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/device_programs.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// A cgroup of one container (in every hierarchy that it needs), held by descriptors. Closing it leaves the
/// cgroup in place; `remove_cgroup` is the explicit end.
class Cgroup {
  public:
    /// Makes the directories (parents with their controllers switched on) and writes the limits. Idempotent:
    /// an existing cgroup is reused. `path` is absolute below the mount points, `/stack/shop/<id>`, without
    /// `.` or `..`. On failure nothing that was made here stays. Throws Error: not_supported for a limit that
    /// can't be enforced, permission, invalid_input. `programs`: a cache that lives through the call, may be null.
    static Cgroup create(const CgroupLayout& layout, const std::string& path, const ResourceSpec& resources,
                         DevicePrograms* programs = nullptr);
    /// The same without the device rules: `restrict_devices` with the same resources must follow before a program of the
    /// container runs in here. Until then the kernel can check the rules while the process sets itself up.
    static Cgroup create_without_devices(const CgroupLayout& layout, const std::string& path,
                                         const ResourceSpec& resources, CgroupControllers wanted);
    /// Device rules by a program on the v2 directory, at any time: device nodes can be made under all rules. False where there is
    /// no such directory or the kernel has no such programs. Throws Error(invalid_input) for rules that make no sense.
    bool restrict_devices_by_program(const ResourceSpec& resources, DevicePrograms& programs) const;
    /// By whatever this host has. With the v1 controller no device node can be made for a moment: not while a process of the
    /// container sets itself up. Throws Error: not_supported where rules can't be enforced, invalid_input.
    void restrict_devices(const ResourceSpec& resources, DevicePrograms& programs);
    /// nullopt when it exists in no hierarchy. Throws Error.
    static std::optional<Cgroup> open(const CgroupLayout& layout, const std::string& path);
    /// Goes on in the group `below` (`/sub`) this one: in the hierarchies of these v1 controllers, or in all where it is when
    /// none is named. For placing a process; `path` stays. Throws Error: not_found where there is no such group, invalid_input.
    void descend(const std::string& below, const std::vector<std::string>& controllers);

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
    /// SIGKILL to every process in it and below it, including those forked meanwhile and those that are frozen. Where
    /// cgroup.kill is missing (v1, Linux before 5.14), a thawed group results.
    void kill_all() const;
    /// How many processes the kernel's out-of-memory killer has killed here; 0 without a memory controller.
    [[nodiscard]] std::uint64_t oom_kills() const;
    /// Readable when the out-of-memory killer has worked here. Throws Error(not_supported) without memory controller.
    [[nodiscard]] OomWatch watch_oom() const;
    /// What it has used so far, from every controller that counts it.
    [[nodiscard]] CgroupStats stats() const;
    /// True while any process is in it or below it (zombies don't count).
    [[nodiscard]] bool populated() const;
    /// Process ids in it and below it, sorted.
    [[nodiscard]] std::vector<pid_t> processes() const;
    /// Writes limits anew (`update`), all or none: after a failure the old ones are back. What `resources` doesn't
    /// mention stays, device rules too when it has none. With `undo`, the way back stays open until the caller releases
    /// it; it must not outlive this object. Throws Error as `create` does, and Error(conflict) for
    /// `check_before_update` and a limit below what is in use.
    void apply(const ResourceSpec& resources, Undo* undo = nullptr);

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    struct Hierarchy {
        std::vector<std::string> controllers;  // v1 controllers mounted here
        std::string path;
        UniqueFd tasks;
        mutable UniqueFd opened{};
        /// The directory, opened when something but a process goes into it.
        [[nodiscard]] int dir() const;
    };
    Cgroup() = default;
    static Cgroup make(const CgroupLayout& layout, const std::string& path, const ResourceSpec& resources,
                       CgroupControllers wanted, Undo& undo);
    void add_hierarchy(const std::string& mount, std::vector<std::string> controllers);
    void join_v1_controllers(const std::vector<std::string>& controllers);
    void refuse_limit_below_use(const ResourceSpec& resources) const;
    void apply_devices(const ResourceSpec& resources, Undo& undo) const;
    void kill_one_by_one() const;
    [[nodiscard]] bool has_v1(std::string_view controller) const;
    [[nodiscard]] int controller_dir(std::string_view controller) const;
    [[nodiscard]] int tree_dir() const;  // the hierarchy that answers "who is in here"

    CgroupLayout layout_;
    std::string path_;
    UniqueFd unified_;
    std::vector<Hierarchy> v1_;
};

/// True while any process is in such a group or below it, on v2 or with the freezer; for a path of which nothing else need be
/// known. Throws Error(invalid_input) for no path.
bool cgroup_populated(const CgroupLayout& layout, const std::string& path);
/// Removes the cgroup and everything below it from all hierarchies; missing is fine. Waits at most `limit`
/// for dying processes to leave (EBUSY); then throws Error(conflict). Does not kill.
void remove_cgroup(const CgroupLayout& layout, const std::string& path,
                   std::chrono::milliseconds limit = std::chrono::milliseconds{2000});
/// One attempt at the same for a group with nothing in it, be it processes or groups; true when it is gone everywhere.
bool remove_empty_cgroup(const CgroupLayout& layout, const std::string& path);
/// Removes `path` and then its ancestors (never the root) in all hierarchies, as far as they are empty.
void prune_empty_parents(const CgroupLayout& layout, const std::string& path);

}  // namespace stack
