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

/// One entry of `mounts`. `options` are the specification's words (ro, nosuid, rbind, size=64m, …).
struct MountSpec {
    std::string destination;  ///< absolute, inside the container
    std::string type;         ///< bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup
    std::string source;       ///< host path for bind; otherwise the name shown in mountinfo
    std::vector<std::string> options;
    /// Where the user's file asked for it, `file:line:column`; goes into error messages. Empty when built in.
    std::string origin;
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

/// Limits; absent means none. A limit that can't be enforced is an Error(not_supported) at create.
struct ResourceSpec {
    std::optional<std::int64_t> memory_limit_bytes;  ///< -1 = unlimited
    std::optional<std::int64_t> memory_reservation_bytes;
    std::optional<std::int64_t> memory_swap_bytes;  ///< memory plus swap, as in the specification
    std::optional<std::uint64_t> cpu_shares;
    std::optional<std::int64_t> cpu_quota_us;
    std::optional<std::uint64_t> cpu_period_us;
    std::string cpuset_cpus, cpuset_mems;
    std::optional<std::int64_t> pids_limit;  ///< -1 = unlimited
    std::vector<DeviceRule> devices;         ///< in order; later wins
    std::map<std::string, std::string> unified;
    bool operator==(const ResourceSpec&) const = default;
};

/// Which seccomp filter: none, the project's default profile, or a profile file of the OCI format.
struct SeccompSpec {
    enum class Kind { unconfined, default_profile, file } kind = Kind::default_profile;
    std::string path;
    bool operator==(const SeccompSpec&) const = default;
};

/// The root file system: overlay layers, mounted inside the container's own mount namespace only, or a
/// directory.
struct RootSpec {
    std::vector<std::string>
        lower;                ///< host paths of unpacked layers, topmost first; empty: `path` is the root
    std::string upper, work;  ///< host paths of the writable layer
    std::string path;         ///< plain directory root (OCI bundles, tests)
    bool readonly = false;
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
    std::vector<DeviceSpec> devices;  ///< beside the default /dev nodes
    std::string cgroups_path;         ///< below the cgroup root, e.g. /stack/shop/<id>
    ResourceSpec resources;
    SeccompSpec seccomp;
    std::map<std::string, std::string> sysctl;
    std::vector<std::string> masked_paths, readonly_paths;
    /// Files made fresh for this container and bound over the image's: /etc/hosts, /etc/hostname,
    /// /etc/resolv.conf, secrets, configs are ordinary bind mounts in `mounts`.
    bool init = false;  ///< run stack-init as PID 1
    std::map<std::string, std::string> annotations;
    bool operator==(const ContainerSpec&) const = default;
};

}  // namespace stack
