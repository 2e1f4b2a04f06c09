// Records of projects and containers on disk (JSON, versioned). A container's record exists before the
// container does; `remove` works from the record alone. Commands read them whether or not a supervisor runs.
//
//   <data>/projects/<project>/project.json            ProjectRecord      fsync
//   <data>/projects/<project>/networks.json           NetworkNote        fsync
//   <data>/projects/<project>/exits.journal           the keeper's
//   <data>/projects/<project>/containers/<id>/
//       record.json                                   ContainerRecord    written once, before anything else
//       state.json                                    ContainerState     at every change
//       upper/ work/                                  writable layer
//       hosts hostname resolv.conf files/             generated files, bound into the container
//       <service>.<number>.log .idx                   logs (manager/logs/log_files.hpp)
//
// Container records are not fsynced: what they describe is dead after a power cut, and a record that is
// missing or cut short then is garbage that the next command removes.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/engine/id_ranges.hpp"
#include "manager/engine/paths.hpp"
#include "manager/plan/observed_state.hpp"
#include "network/network_spec.hpp"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stack::engine {

struct ProjectRecord {
    compose::Project project;  ///< as last brought up; carries name, files, working_dir
    bool operator==(const ProjectRecord&) const = default;
};

/// What is mounted where: enough to rebuild the mounts at every start.
struct MountRecord {
    std::string target;
    std::string host_path;    ///< bind source or the volume's data directory
    std::string volume_name;  ///< real name, empty for binds
    bool anonymous = false;   ///< removed with the container
    bool read_only = false;
    bool nocopy = false;
    std::string propagation;
    std::string origin;  ///< file:line:column
    bool operator==(const MountRecord&) const = default;
};

struct ContainerRecord {
    std::string id;  ///< 64 hex digits
    std::string name, project, service_name;
    int number = 1;
    bool oneoff = false;
    compose::Service service;
    std::string image_reference, image_digest;
    std::string config_hash;
    std::map<std::string, std::string> labels;  ///< com.docker.compose.* included
    std::vector<network::EndpointSpec> endpoints;
    std::vector<network::PublishedPort> ports;  ///< host ports as bound; 0 before the first start
    std::vector<MountRecord> mounts;
    std::optional<ContainerIds> ids;   ///< of its own user namespace; as leased, id_leases.hpp
    std::vector<std::string> command;  ///< argv as it is run, for `ps`
    std::string cgroup_parent;         ///< below it, by its id, lies its cgroup; see cgroup_path
    std::string cgroup_scope;          ///< instead of its id, where `cgroup_parent` is a slice of systemd
    std::int64_t created_ns = 0;       ///< since the epoch
    bool operator==(const ContainerRecord&) const = default;

    [[nodiscard]] std::string short_id() const { return id.substr(0, 12); }
    [[nodiscard]] std::string log_name() const { return service_name + "." + std::to_string(number); }
};

struct ContainerState {
    plan::ContainerStatus status = plan::ContainerStatus::created;
    pid_t pid = 0;                 ///< 0 when not running
    std::uint64_t start_time = 0;  ///< clock ticks since boot, /proc/PID/stat field 22
    std::string boot;              ///< boot id under which pid and start_time hold
    std::int64_t started_ns = 0, finished_ns = 0;
    int exit_code = 0;
    bool oom_killed = false;
    bool stopped_by_user = false;  ///< stop, down or kill asked for it: no restart policy brings it back
    std::string health;            ///< "", starting, healthy, unhealthy
    int restarts = 0;
    std::string error;  ///< why the last start failed, one line
    bool operator==(const ContainerState&) const = default;
};

struct StoredContainer {
    ContainerRecord record;
    ContainerState state;
};

struct ProjectState {
    std::string name;
    std::optional<ProjectRecord> project;
    std::vector<StoredContainer> containers;  ///< by name
    std::vector<std::string> broken;          ///< ids whose record can't be read: only removable
};

std::string container_directory(const Paths& paths, const std::string& project, const std::string& id);
/// The directory that holds the log files; their base name is ContainerRecord::log_name().
inline std::string log_directory(const Paths& paths, const ContainerRecord& record) {
    return container_directory(paths, record.project, record.id);
}

void save_project(const Paths& paths, const ProjectRecord& record);
void save_record(const Paths& paths, const ContainerRecord& record);
void save_state(const Paths& paths, const ContainerRecord& record, const ContainerState& state);

/// Names of all projects that have records, sorted.
std::vector<std::string> list_projects(const Paths& paths);

/// Records and states of one project; a state that says "running" is checked against the process and, when
/// that is gone, completed from the exit journal. Never writes. A project without records gives an empty
/// state.
ProjectState load_project_state(const Paths& paths, const std::string& project);

/// The planner's view of a state. Images and networks of others are not in it; see observe_project.
plan::ObservedState observe(const Paths& paths, const ProjectState& state);

/// The networks that a project has made: real name -> key and config hash. Written before the network is made.
struct NetworkNote {
    std::string key;
    std::string config_hash;
};
std::map<std::string, NetworkNote> load_network_notes(const Paths& paths, const std::string& project);
void save_network_notes(const Paths& paths, const std::string& project,
                        const std::map<std::string, NetworkNote>& notes);

/// A container's whole directory; missing is fine.
void remove_container_files(const Paths& paths, const std::string& project, const std::string& id);
/// The project's data that no longer describes anything; idempotent.
void remove_project_files(const Paths& paths, const std::string& project);

}  // namespace stack::engine
