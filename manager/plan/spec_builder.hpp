// From a service and its image to the ContainerSpec that the runtime carries out. Pure: every host path,
// address and id comes in decided. The one place in manager/ that knows both Compose and the runtime's
// values.
#pragma once

#include "manager/compose/model.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/image/image_config.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stack::plan {

/// A mount whose host side is decided: bind sources checked, volumes resolved to their data directories.
struct ResolvedMount {
    std::string target;
    std::string host_path;
    bool read_only = false;
    std::string propagation;  ///< empty: rprivate
    std::string origin;       ///< file:line:column
    bool operator==(const ResolvedMount&) const = default;
};

struct SpecInputs {
    compose::Service service;
    ImageConfig image;

    std::string project;
    std::string id;  ///< 64 hex digits
    std::string container_name;

    std::vector<std::string> layers;  ///< host paths of unpacked layers, topmost first
    std::string upper, work;          ///< host paths of the writable layer

    /// Binds, named and anonymous volumes, secrets and configs. tmpfs mounts are read from the service.
    std::vector<ResolvedMount> mounts;
    /// Host paths of the generated files; empty: the image's own is left.
    std::string hosts_file, hostname_file, resolv_conf_file;

    std::string cgroups_path;       ///< below the cgroup root
    std::string network_namespace;  ///< NamespaceSpec::path of the one to join ("fd:netns"); empty: a new one
    /// Of the service's own user namespace, which is joined; empty with `userns_mode: host`.
    std::vector<IdMapping> uid_mappings, gid_mappings;
    std::string host_hostname;  ///< what a container in the host's network is called unless its service says
    /// Of the container whose network it shares, and this with it; empty: none.
    std::string network_hostname;

    std::uint16_t console_width = 0, console_height = 0;
    std::uint64_t available_capabilities = (std::uint64_t{1} << 41) - 1;  ///< what ALL means

    /// With `privileged` every node of the host, else what `devices` names; and the rules that let them be used.
    std::vector<DeviceSpec> devices;
    std::vector<DeviceRule> device_rules;
};

/// Descriptors of the launcher for what `service:NAME` and `container:NAME` of pid and ipc share, the latter with the mount on
/// /dev/shm.
inline constexpr const char* kSharedPidNamespace = "fd:pid";
inline constexpr const char* kSharedIpcNamespace = "fd:ipc";
inline constexpr const char* kSharedMemory = "fd:shm";
/// And for a user namespace of its own.
inline constexpr const char* kOwnUserNamespace = "fd:user";

/// `file:line:column`, or empty.
std::string origin_text(const compose::Position& position);

/// Every bind and volume mount of the service with its host path: binds by their source, volumes by
/// `volume_paths[key]`, anonymous ones by `anonymous_paths[target]`, and the image's VOLUMEs that nothing
/// else covers by `anonymous_paths[target]`. Throws Error(invalid_input) at the mount's position when a path
/// is missing.
std::vector<ResolvedMount> resolve_mounts(const compose::Service& service, const ImageConfig& image,
                                          const std::map<std::string, std::string>& volume_paths,
                                          const std::map<std::string, std::string>& anonymous_paths);
/// Targets that need an anonymous volume: `- /data` entries and the image's VOLUMEs that nothing else covers.
/// Sorted.
std::vector<std::string> anonymous_volume_targets(const compose::Service& service, const ImageConfig& image);

/// The hostname a container gets: the service's, the host's with `network_mode: host` or `uts: host`, else 12 digits of its
/// id.
std::string effective_hostname(const compose::Service& service, const std::string& id,
                               const std::string& host_hostname);

/// Throws Error(invalid_input), at a position of the file, for what no container can have: nothing to run, an
/// unknown capability or limit, a network sysctl with `network_mode: host`.
ContainerSpec build_container_spec(const SpecInputs& inputs);

}  // namespace stack::plan
