// The one door between decisions and effects. The supervisor decides; an Engine makes networks, volumes,
// containers and processes. LocalEngine does it on this host; tests use a small working model in memory
// (tests/support).
//
// All calls come from the loop's thread. A Task may take time; everything else returns at once. What outlives
// this process has its record on disk before it exists, so every `remove_…` may be called again.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/task.hpp"
#include "runtime/image/image_config.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stack::engine {

/// What a create operation decided; the engine adds addresses, mounts and the record.
struct CreateRequest {
    std::shared_ptr<const compose::Project> project;
    compose::Service service;
    std::string name;
    int number = 1;
    std::string config_hash;
    /// Anonymous volumes that a container before this one leaves to it: target -> volume name.
    std::map<std::string, std::string> inherited_volumes;
};

struct LaunchOutcome {
    pid_t pid = 0;
    std::uint64_t start_time = 0;
    std::int64_t started_ns = 0;
};

/// The end of a container's first process.
struct ContainerExit {
    std::string id;
    int exit_code = 0;
    bool oom_killed = false;
    std::int64_t time_ns = 0;
};

struct ExecRequest {
    std::vector<std::string> argv;
    std::vector<std::string> env;  ///< K=V on top of the container's
    std::string user, working_dir;
    bool terminal = false, privileged = false;
    std::uint16_t rows = 0, columns = 0;
    int in = -1, out = -1, err = -1;  ///< borrowed; -1: /dev/null
};

/// A process made by `exec`: its exit arrives through `on_exec_exit`.
struct ExecStarted {
    pid_t pid = 0;
    UniqueFd terminal;  ///< pty master when one was asked for
};

class Engine {
  public:
    virtual ~Engine() = default;

    /// What can be known before anything is changed: images that are missing, host ports that are taken, bind
    /// sources that do not exist, commands that are not in their image. Ports found free stay reserved until they
    /// are used or `end_operation`. Returns all errors.
    virtual Task<std::vector<Error>> check(std::vector<CreateRequest> to_create,
                                           std::vector<ContainerRecord> to_start) = 0;
    /// Gives up reservations that no launch has taken.
    virtual void end_operation() = 0;

    virtual Task<> create_network(compose::Network network, std::string config_hash) = 0;
    virtual Task<> remove_network(std::string name) = 0;
    virtual Task<> create_volume(compose::Volume volume) = 0;
    virtual Task<> remove_volume(std::string name) = 0;
    /// The project's part of the host's network, whatever is left of it.
    virtual Task<> remove_hub() = 0;

    /// The record, addresses and mounts of a new container, on disk. Fails with Error(not_found) when the image is
    /// not in the store.
    virtual Task<ContainerRecord> create_container(CreateRequest request) = 0;
    /// With everything that is its own; anonymous volumes stay when `keep_anonymous_volumes`.
    virtual Task<> remove_container(ContainerRecord record, bool keep_anonymous_volumes) = 0;

    /// Returns once the process runs the image's program. `at_gate` is called before that, with the pid: when it
    /// returns the caller's record of it must be on disk. The exit comes by `on_container_exit`, exactly once.
    virtual Task<LaunchOutcome> launch(ContainerRecord record,
                                       std::function<void(const LaunchOutcome&)> at_gate) = 0;
    /// Takes up a container that runs already, made by an earlier supervisor. False when its process is gone.
    virtual bool adopt(const ContainerRecord& record, const ContainerState& state) = 0;
    /// The container has ended and does not come back by itself: host ports are given up.
    virtual void release(const std::string& id) = 0;
    /// To the container's first process; nothing when it has ended.
    virtual void signal(const std::string& id, int number) = 0;
    /// To every process of the container, by its cgroup.
    virtual void kill_all(const std::string& id) = 0;
    /// Whether the container's names answer in the project's DNS.
    virtual void publish_names(const std::string& id, bool answer) = 0;
    /// What the image says; an empty one when it is gone.
    virtual ImageConfig image_config(const ContainerRecord& record) = 0;

    virtual Task<ExecStarted> exec(std::string id, ExecRequest request) = 0;
    /// Ends a process that exec made.
    virtual void signal_exec(pid_t pid, int number) = 0;

    std::function<void(ContainerExit)> on_container_exit;
    std::function<void(pid_t pid, int exit_code)> on_exec_exit;
    /// Things the user should hear once (a setting of the host that was changed).
    std::function<void(std::string)> on_note;
};

}  // namespace stack::engine
