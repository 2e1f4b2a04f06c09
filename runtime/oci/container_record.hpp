// What the runtime remembers of a container: `state.json` in its directory. It says what the container is and which
// process it was given; whether it runs is not written down but observed (container_status.hpp).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace stack::oci {

struct ContainerRecord {
    std::string id;
    std::string oci_version;
    std::string bundle;  ///< absolute
    std::string rootfs;  ///< absolute
    std::map<std::string, std::string> annotations;
    std::string created;      ///< RFC 3339
    std::string cgroup_path;  ///< below the mount points of the hierarchies; empty: none, or none yet
    std::string scope;        ///< the systemd unit that the cgroup belongs to; empty: none
    bool user_scope = false;  ///< of the caller's own service manager
    bool shares_pid_namespace = false;  ///< its processes don't die with its first one
    pid_t pid = 0;                      ///< 0: none has been made yet
    std::uint64_t start_time = 0;       ///< of `pid`, in clock ticks since boot, and
    std::string boot;                   ///< since this boot
    bool operator==(const ContainerRecord&) const = default;
};

std::string record_text(const ContainerRecord& record);
/// Throws Error(invalid_input) for what is no record of this version.
ContainerRecord parse_record(std::string_view text);

}  // namespace stack::oci
