// What a container is to be, as plain values: the part of the OCI runtime specification's config.json (1.3)
// that this runtime carries out. Field names are the specification's; `config.json` maps onto it one to one.
// No behaviour, no resources: copy, compare, print.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stack {

enum class NamespaceKind { pid, network, mount, ipc, uts, user, cgroup, time };

struct NamespaceSpec {
    NamespaceKind kind{};
    std::string path;  ///< join this one; empty: a new one. "fd:NAME" joins a descriptor of LaunchFds.
    bool operator==(const NamespaceSpec&) const = default;
};

struct IdMapping {
    std::uint32_t container_id = 0;
    std::uint32_t host_id = 0;
    std::uint32_t size = 0;
    bool operator==(const IdMapping&) const = default;
};

/// Offset of a clock of a new time namespace, time_namespaces(7).
struct TimeOffset {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;  ///< below 1,000,000,000
    bool operator==(const TimeOffset&) const = default;
};

/// One entry of `mounts`. `options` are the specification's words (ro, nosuid, rbind, size=64m, …).
struct MountSpec {
    std::string destination;  ///< absolute, inside the container
    std::string type;         ///< bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup
    /// Host path for bind, or "fd:NAME": a detached mount among the descriptors of LaunchFds; otherwise the name shown in
    /// mountinfo.
    std::string source;
    std::vector<std::string> options;
    /// Where the user's file asked for it, `file:line:column`; goes into error messages. Empty when built in.
    std::string origin;
    /// An idmapped mount, mount_setattr(2). Empty with the option `idmap` or `ridmap`: the container's own mappings.
    std::vector<IdMapping> uid_mappings{}, gid_mappings{};
    bool operator==(const MountSpec&) const = default;
};

struct RlimitSpec {
    std::string type;  ///< RLIMIT_NOFILE, …
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;  ///< UINT64_MAX = unlimited
    bool operator==(const RlimitSpec&) const = default;
};

struct CapabilitySets {
    // Names with the CAP_ prefix.
    std::vector<std::string> bounding, effective, permitted, inheritable, ambient;
    bool operator==(const CapabilitySets&) const = default;
};

/// `process.ioPriority`, ioprio_set(2).
struct IoPrioritySpec {
    std::string io_class;  ///< IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE
    int priority = 0;      ///< 0 (highest) to 7
    bool operator==(const IoPrioritySpec&) const = default;
};

/// `process.scheduler`, sched_setattr(2).
struct SchedulerSpec {
    std::string policy;  ///< SCHED_OTHER, SCHED_FIFO, …
    std::int32_t nice = 0;
    std::int32_t priority = 0;
    std::vector<std::string> flags;  ///< SCHED_FLAG_…
    std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
    bool operator==(const SchedulerSpec&) const = default;
};

struct ProcessSpec {
    bool terminal = false;
    std::uint16_t console_width = 0, console_height = 0;  ///< cells, 0 = leave
    std::vector<std::string> args;  ///< args[0] is looked up in PATH of `env` inside the container
    std::vector<std::string> env;   ///< K=V
    std::string cwd = "/";
    /// `uid[:gid]` or names, resolved inside the container's /etc/passwd and /etc/group; empty: 0:0.
    /// When set, `uid`, `gid` and `additional_gids` are computed from it.
    std::string user;
    std::uint32_t uid = 0, gid = 0;
    std::vector<std::uint32_t> additional_gids;
    std::vector<std::string> group_add;  ///< extra groups by name or number, resolved inside as well
    std::optional<std::uint32_t> umask;
    CapabilitySets capabilities;
    bool no_new_privileges = false;
    std::vector<RlimitSpec> rlimits;
    std::optional<int> oom_score_adj;
    std::optional<IoPrioritySpec> io_priority;
    std::optional<SchedulerSpec> scheduler;
    /// CPU lists (`0-3,7`): while the process is made and joins the cgroup, and from exec on. Empty: as inherited.
    std::string initial_cpu_affinity, final_cpu_affinity;
    std::string apparmor_profile;  ///< empty: as inherited
    std::string selinux_label;     ///< empty: as inherited
    bool operator==(const ProcessSpec&) const = default;
};

struct DeviceRule {
    bool allow = false;
    char type = 'a';  ///< a, b, c
    std::optional<std::int64_t> major, minor;
    std::string access = "rwm";
    bool operator==(const DeviceRule&) const = default;
};

struct DeviceSpec {
    std::string path;
    char type = 'c';
    std::int64_t major = 0, minor = 0;
    mode_t mode = 0666;
    std::uint32_t uid = 0, gid = 0;
    bool operator==(const DeviceSpec&) const = default;
};

/// `hugepageLimits`; `page_size` as the kernel writes it in file names: 2MB, 1GB, 64KB.
struct HugepageLimit {
    std::string page_size;
    std::uint64_t limit_bytes = 0;
    bool operator==(const HugepageLimit&) const = default;
};

/// What of one RDMA device the container may hold; nullopt: any number.
struct RdmaLimit {
    std::optional<std::uint32_t> hca_handles, hca_objects;
    bool operator==(const RdmaLimit&) const = default;
};

/// A weight or a rate of one block device; which one, says the list that it is in.
struct BlockDeviceValue {
    std::int64_t major = 0, minor = 0;
    std::uint64_t value = 0;
    std::optional<std::uint16_t> leaf_weight;  ///< of `weight_devices` only, v1
    bool operator==(const BlockDeviceValue&) const = default;
};

/// `blockIO`. Weights are 10 to 1000; rates are bytes or operations per second, 0 = unlimited.
struct BlockIoSpec {
    std::optional<std::uint16_t> weight, leaf_weight;
    std::vector<BlockDeviceValue> weight_devices;
    std::vector<BlockDeviceValue> read_bps, write_bps, read_iops, write_iops;
    bool operator==(const BlockIoSpec&) const = default;
};

/// Limits; absent means none. A limit that can't be enforced is an Error(not_supported) at create.
struct ResourceSpec {
    std::optional<std::int64_t> memory_limit_bytes;  ///< -1 = unlimited
    std::optional<std::int64_t> memory_reservation_bytes;
    std::optional<std::int64_t> memory_swap_bytes;   ///< memory plus swap, as in the specification
    std::optional<std::uint64_t> memory_swappiness;  ///< 0…100; v1 only
    bool disable_oom_killer = false;                 ///< v1 only
    bool check_before_update = false;                ///< refuse a memory limit below what is in use now
    std::optional<std::uint64_t> cpu_shares;
    std::optional<std::int64_t> cpu_quota_us;
    std::optional<std::uint64_t> cpu_period_us;
    std::optional<std::uint64_t> cpu_burst_us;
    std::optional<std::int64_t> cpu_idle;  ///< 0 or 1
    std::string cpuset_cpus, cpuset_mems;
    std::optional<std::int64_t> pids_limit;  ///< -1 = unlimited
    std::vector<DeviceRule> devices;         ///< in order; later wins
    BlockIoSpec block_io;
    std::vector<HugepageLimit> hugepages;
    std::map<std::string, RdmaLimit> rdma;  ///< by device, mlx5_1
    std::map<std::string, std::string> unified;
    bool operator==(const ResourceSpec&) const = default;
};

/// A condition on one argument of a system call, seccomp_rule_add(3).
struct SeccompArgument {
    std::uint32_t index = 0;  ///< 0…5
    std::uint64_t value = 0, value_two = 0;
    std::string op;  ///< SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ, …
    bool operator==(const SeccompArgument&) const = default;
};

struct SeccompRule {
    std::vector<std::string> names;
    std::string action;  ///< SCMP_ACT_ALLOW, …
    std::optional<std::uint32_t> errno_ret;
    std::vector<SeccompArgument> arguments;  ///< all must hold
    bool operator==(const SeccompRule&) const = default;
};

/// `linux.seccomp` of config.json: complete, without the conditions on capabilities that profile files may have.
struct SeccompProfile {
    std::string default_action;
    std::optional<std::uint32_t> default_errno_ret;
    std::vector<std::string> architectures;  ///< SCMP_ARCH_…; empty: the native one
    std::vector<std::string> flags;          ///< SECCOMP_FILTER_FLAG_…
    std::string listener_path, listener_metadata;
    std::vector<SeccompRule> syscalls;
    bool operator==(const SeccompProfile&) const = default;
};

/// Which seccomp filter: none, the project's default profile, or one that is given.
struct SeccompSpec {
    enum class Kind { unconfined, default_profile, profile } kind = Kind::default_profile;
    std::optional<SeccompProfile> profile;  ///< of Kind::profile
    bool operator==(const SeccompSpec&) const = default;
};

/// One hook: a program that is run beside the container's life with the state document on its standard input.
struct HookSpec {
    std::string path;
    std::vector<std::string> args;  ///< args[0] included; empty: `path` alone
    std::vector<std::string> env;
    std::optional<std::int64_t> timeout_seconds;  ///< above 0; none: as long as it takes
    bool operator==(const HookSpec&) const = default;
};

/// In the order in which they run (config.md, "POSIX-platform Hooks").
struct HookSpecs {
    std::vector<HookSpec> prestart,
        create_runtime;                         ///< in the runtime's namespaces, before the root is entered
    std::vector<HookSpec> create_container;     ///< in the container's namespaces, before the root is entered
    std::vector<HookSpec> start_container;      ///< inside the container, right before the command
    std::vector<HookSpec> poststart, poststop;  ///< in the runtime's namespaces
    bool operator==(const HookSpecs&) const = default;
};

/// The root file system: overlay layers, mounted inside the container's own mount namespace only, or a
/// directory.
struct RootSpec {
    std::vector<std::string>
        lower;                ///< host paths of unpacked layers, topmost first; empty: `path` is the root
    std::string upper, work;  ///< host paths of the writable layer
    std::string path;         ///< plain directory root (OCI bundles, tests)
    bool readonly = false;
    /// `linux.rootfsPropagation`: private, slave, shared, unbindable; empty: as the runtime sees fit (private).
    std::string propagation;
    bool operator==(const RootSpec&) const = default;
};

struct ContainerSpec {
    std::string id;  ///< [A-Za-z0-9_+.-], names cgroup and errors
    std::string hostname;
    std::string domainname;
    RootSpec root;
    ProcessSpec process;
    std::vector<MountSpec> mounts;  ///< in order
    std::vector<NamespaceSpec> namespaces;
    std::vector<IdMapping> uid_mappings, gid_mappings;
    std::map<std::string, TimeOffset> time_offsets;  ///< "monotonic", "boottime"
    std::map<std::string, std::string> net_devices;  ///< interface of the runtime's namespace -> name inside
    std::optional<std::uint64_t> personality;        ///< personality(2): PER_LINUX, PER_LINUX32
    std::string mount_label;          ///< SELinux context of the tmpfs, devpts and mqueue made here
    std::vector<DeviceSpec> devices;  ///< beside the default /dev nodes
    std::string cgroups_path;         ///< below the cgroup root, e.g. /stack/shop/<id>
    ResourceSpec resources;
    SeccompSpec seccomp;
    std::map<std::string, std::string> sysctl;
    std::vector<std::string> masked_paths, readonly_paths;
    /// Files made fresh for this container and bound over the image's: /etc/hosts, /etc/hostname,
    /// /etc/resolv.conf, secrets, configs are ordinary bind mounts in `mounts`.
    bool init = false;  ///< run stack-init as PID 1
    HookSpecs hooks;
    std::map<std::string, std::string> annotations;
    bool operator==(const ContainerSpec&) const = default;
};

/// The entry of this kind; nullptr: the container shares the host's.
const NamespaceSpec* find_namespace(const ContainerSpec& spec, NamespaceKind kind);
/// Whether the container has a new one of this kind, rather than the host's or one that it joins.
bool makes_namespace(const ContainerSpec& spec, NamespaceKind kind);

}  // namespace stack
