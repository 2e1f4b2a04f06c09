#include "runtime/oci/default_config.hpp"

#include "runtime/container_defaults.hpp"

#include <algorithm>

namespace stack::oci {

OciConfig default_config() {
    OciConfig config;
    config.version = "1.3.0";
    ContainerSpec& spec = config.spec;
    spec.hostname = "stack-runtime";
    spec.root.path = "rootfs";
    spec.root.readonly = true;
    spec.process.terminal = true;
    spec.process.args = {"sh"};
    spec.process.env = {std::string{"PATH="} + kDefaultPath, "TERM=xterm"};
    spec.process.capabilities = capability_sets({"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"});
    spec.process.rlimits = {{"RLIMIT_NOFILE", 1024, 1024}};
    spec.process.no_new_privileges = true;
    spec.mounts = default_mounts();
    spec.namespaces = default_namespaces();
    spec.resources.devices = {DeviceRule{}};
    spec.masked_paths = default_masked_paths();
    spec.readonly_paths = default_readonly_paths();
    spec.seccomp.kind = SeccompSpec::Kind::unconfined;
    return config;
}

void make_rootless(ContainerSpec& spec, uid_t uid, gid_t gid) {
    spec.namespaces.push_back({NamespaceKind::user, ""});
    spec.uid_mappings = {{0, uid, 1}};
    spec.gid_mappings = {{0, gid, 1}};
    spec.resources = {};
    for (MountSpec& mount : spec.mounts)
        std::erase_if(mount.options, [](const std::string& option) { return option == "gid=5"; });
}

}  // namespace stack::oci
