// The Compose application model: what a project is, after loading, merging, interpolation and normalisation.
// Plain values that copy, compare and convert to JSON (model_json.hpp); no file, clock or environment is read
// here. Defaults follow the Compose specification; an std::optional that is empty means "not said in the
// file".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stack::compose {

/// Where a value was written; kept to run time, so that a failed mount can name its line. 1-based.
struct Position {
    std::string file;
    int line = 0;
    int column = 0;
    bool operator==(const Position&) const = default;
};

using Duration = std::chrono::nanoseconds;
/// nullopt value: the name is removed from the container's environment.
using Environment = std::map<std::string, std::optional<std::string>>;

enum class DependencyCondition { service_started, service_healthy, service_completed_successfully };

struct Dependency {
    DependencyCondition condition = DependencyCondition::service_started;
    bool restart = false;
    bool required = true;
    bool operator==(const Dependency&) const = default;
};

struct Healthcheck {
    /// CMD/CMD-SHELL list as in the specification; empty: inherit the image's; {"NONE"}: off.
    std::vector<std::string> test;
    std::optional<Duration> interval, timeout, start_period, start_interval;
    std::optional<int> retries;
    bool disable = false;
    bool operator==(const Healthcheck&) const = default;
};

/// One published port after range expansion.
struct Port {
    std::string host_ip;    ///< empty: all addresses
    std::string published;  ///< "", "8080" or "8000-8010"
    std::uint16_t target = 0;
    std::string protocol = "tcp";
    std::string mode = "ingress";
    std::string name, app_protocol;
    Position position;
    bool operator==(const Port&) const = default;
};

struct VolumeMount {
    enum class Type { bind, volume, tmpfs } type = Type::volume;
    std::string source;  ///< absolute host path (bind), key in Project::volumes, or empty (anonymous, tmpfs)
    std::string target;
    bool read_only = false;
    bool create_host_path = true;  ///< bind
    std::string propagation;       ///< bind: empty = rprivate
    bool nocopy = false;           ///< volume
    std::string subpath;           ///< volume
    std::optional<std::uint64_t> tmpfs_size_bytes;
    std::optional<std::uint32_t> tmpfs_mode;
    std::vector<std::string> tmpfs_options;  ///< rest of the short form's options
    Position position;
    bool operator==(const VolumeMount&) const = default;
};

/// A secret or config granted to a service.
struct FileGrant {
    std::string source;  ///< key in Project::secrets / configs
    std::string target;  ///< absolute path in the container
    std::string uid, gid;
    std::optional<std::uint32_t> mode;
    Position position;
    bool operator==(const FileGrant&) const = default;
};

struct NetworkAttachment {
    std::vector<std::string> aliases;
    std::string ipv4_address;
    int priority = 0;
    bool operator==(const NetworkAttachment&) const = default;
};

struct Ulimit {
    std::int64_t soft = 0;  ///< -1 = unlimited
    std::int64_t hard = 0;
    bool operator==(const Ulimit&) const = default;
};

struct RestartPolicy {
    enum class Kind { no, always, on_failure, unless_stopped } kind = Kind::no;
    std::optional<int> max_attempts;  ///< on_failure:N
    std::optional<Duration> delay;    ///< deploy.restart_policy: fixed wait between tries
    std::optional<Duration> window;   ///< deploy.restart_policy: time up after which a start counts as good
    bool operator==(const RestartPolicy&) const = default;
};

/// Bounds of a service's log files; absent: the settings' defaults.
struct Logging {
    std::string driver;  ///< empty, json-file or local
    std::optional<std::int64_t> max_size_bytes;
    std::optional<int> max_file;
    bool operator==(const Logging&) const = default;
};

/// What `security_opt` changes.
struct SecurityOptions {
    bool no_new_privileges = false;
    bool seccomp_unconfined = false;
    std::string seccomp_file;      ///< absolute path of a profile file; empty: the built-in profile
    std::string apparmor_profile;  ///< empty: none of the service's own
    std::vector<std::string>
        label_parts;  ///< of an SELinux label: `type:NAME`, `level:…`, `user:…`, `role:…`
    bool system_paths_unconfined = false;  ///< nothing below /proc and /sys is masked or read-only
    bool operator==(const SecurityOptions&) const = default;
};

/// `x-time-offset`: what the clocks of a time namespace of the service's own are ahead (or behind).
struct TimeOffsets {
    Duration monotonic{}, boottime{};
    bool operator==(const TimeOffsets&) const = default;
};

/// One entry of `devices`.
struct DeviceGrant {
    std::string
        source;  ///< on the host: a device node, or a directory of them; or a name of CDI, without a slash in front
    std::string target;       ///< in the container
    std::string permissions;  ///< of `rwm`
    Position position;
    bool operator==(const DeviceGrant&) const = default;
};

/// One entry of `gpus` or `deploy.resources.reservations.devices`.
struct DeviceRequest {
    std::string driver;  ///< empty: by capability
    std::vector<std::string> capabilities, device_ids;
    int count = -1;  ///< -1: all; of no meaning with device_ids
    Position position;
    bool operator==(const DeviceRequest&) const = default;
};

struct Service {
    std::string name;
    std::string image;
    std::string platform;                        ///< as written; empty: this host's
    std::string pull_policy;                     ///< a word or `every_<duration>`; empty: missing
    std::optional<Duration> pull_refresh_after;  ///< age at which `refresh` fetches anew
    bool buildable = false;                      ///< it has a `build` section
    std::optional<std::vector<std::string>> command, entrypoint;  ///< empty: cleared; nullopt: the image's
    Environment environment;                                      ///< env_file folded in
    std::string working_dir, user, hostname, domainname, container_name;
    std::vector<std::string> group_add;  ///< names or numbers
    std::optional<bool> init;
    bool tty = false, stdin_open = false, read_only = false;
    bool attach = true;  ///< false: its output is shown only when it is named
    std::map<std::string, std::string> labels, annotations;
    std::map<std::string, Dependency> depends_on;
    std::optional<Healthcheck> healthcheck;
    RestartPolicy restart;
    std::string stop_signal;  ///< empty: the image's, else SIGTERM
    std::optional<Duration> stop_grace_period;
    std::vector<Port> ports;
    std::vector<std::string> expose;
    std::vector<VolumeMount> volumes;                   ///< `tmpfs:` folded in
    std::map<std::string, NetworkAttachment> networks;  ///< keys of Project::networks
    std::string network_mode;                           ///< empty, none, host
    std::vector<std::string> dns, dns_search, dns_opt;  ///< empty: the host's
    std::vector<FileGrant> secrets, configs;
    std::vector<std::string> cap_add, cap_drop;
    bool privileged = false;
    std::vector<DeviceGrant> devices;
    std::vector<DeviceRequest> device_requests;
    std::vector<std::string> device_cgroup_rules;  ///< `c 42:* rmw`
    /// Namespaces that are not the container's own: empty, or `host`; pid and ipc also `service:NAME`.
    std::string pid_mode, ipc_mode, uts_mode, cgroup_mode;
    std::string cgroup_parent;  ///< `/a/b`, `a/b`, `name.slice`
    std::uint32_t user_namespace_ids =
        0;  ///< `userns_mode`: ids of a user namespace of its own; 0: the host's
    TimeOffsets time_offsets;
    SecurityOptions security;
    std::optional<std::int64_t> mem_limit_bytes, mem_reservation_bytes;
    std::optional<std::int64_t> memswap_limit_bytes;  ///< memory and swap together; -1: no limit
    std::optional<std::int64_t> shm_size_bytes;
    std::optional<double> cpus;
    std::optional<std::int64_t> cpu_shares, cpu_quota_us, cpu_period_us;
    std::string cpuset;  ///< `0-3,6`
    std::optional<int> oom_score_adj;
    std::optional<std::int64_t> pids_limit;
    std::map<std::string, Ulimit> ulimits;
    std::map<std::string, std::string> sysctls;
    std::vector<std::pair<std::string, std::string>> extra_hosts;  ///< host, address (or host-gateway)
    std::vector<std::string> profiles;
    Logging logging;
    int scale = 1;
    std::string
        config_hash;  ///< of everything the file says of the service (service_hash.hpp), fields here or not
    /// Position of the service's key and of single keys below it, by path inside the service ("image",
    /// "command").
    Position position;
    std::map<std::string, Position> positions;
    bool operator==(const Service&) const = default;
};

struct IpamConfig {
    std::string subnet, gateway, ip_range;
    std::map<std::string, std::string> aux_addresses;
    bool operator==(const IpamConfig&) const = default;
};

struct Network {
    std::string key;
    std::string name;  ///< real name, `<project>_<key>` unless said
    bool external = false, internal = false;
    std::vector<IpamConfig> ipam;
    std::map<std::string, std::string> labels;
    Position position;
    bool operator==(const Network&) const = default;
};

struct Volume {
    std::string key;
    std::string name;
    bool external = false;
    std::map<std::string, std::string> labels;
    Position position;
    bool operator==(const Volume&) const = default;
};

/// A secret or a config: exactly one source.
struct FileSource {
    std::string key;
    std::string name;
    std::string file;                    ///< absolute host path, or empty
    std::string environment;             ///< variable name, or empty
    std::optional<std::string> content;  ///< inline text, or the value of `environment`; absent: not set
    Position position;
    bool operator==(const FileSource&) const = default;
};

struct Project {
    std::string name;
    std::string separator = "-";  ///< between the parts of a container's name; `_` for COMPOSE_COMPATIBILITY
    std::string working_dir;
    std::vector<std::string> files;                    ///< absolute
    std::vector<std::string> env_files;                ///< those given explicitly
    std::map<std::string, Service> services;           ///< active ones only
    std::map<std::string, Service> disabled_services;  ///< behind profiles that are off
    std::map<std::string, Network> networks;
    std::map<std::string, Volume> volumes;
    std::map<std::string, FileSource> secrets, configs;
    bool operator==(const Project&) const = default;
};

}  // namespace stack::compose
