// The one door between decisions and effects. The supervisor decides; an Engine makes networks, volumes,
// containers and processes. LocalEngine does it on this host; tests use a small working model in memory
// (tests/support).
//
// All calls come from the loop's thread. A Task may take time; everything else returns at once. What outlives
// this process has its record on disk before it exists, so every `remove_…` may be called again.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/task.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stack::engine {

/// What a create operation decided; the engine adds addresses, mounts and the record.
struct CreateRequest {
    compose::Service service;
    std::string name;
    int number = 1;
    std::string config_hash;
    std::string takes_over_from;  ///< id of the container whose anonymous volumes move here; may be empty
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
    bool terminal = false;
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

    virtual Task<> create_network(compose::Network network, std::string config_hash) = 0;
    virtual Task<> remove_network(std::string name) = 0;
    virtual Task<> create_volume(compose::Volume volume) = 0;
    virtual Task<> remove_volume(std::string name) = 0;

    /// Fails with Error(not_found) when the image is not in the store, with Error(conflict) when a port is
    /// taken.
    virtual Task<ContainerRecord> create_container(CreateRequest request) = 0;
    virtual Task<> remove_container(ContainerRecord record) = 0;

    /// Returns once the process runs the image's program. The exit comes by `on_container_exit`, exactly
    /// once.
    virtual Task<LaunchOutcome> launch(ContainerRecord record) = 0;
    /// To the container's first process; nothing when it has ended.
    virtual void signal(const std::string& id, int number) = 0;
    /// To every process of the container, by its cgroup.
    virtual void kill_all(const std::string& id) = 0;

    virtual Task<ExecStarted> exec(std::string id, ExecRequest request) = 0;
    /// Ends a process that exec made.
    virtual void signal_exec(pid_t pid, int number) = 0;

    std::function<void(ContainerExit)> on_container_exit;
    std::function<void(pid_t pid, int exit_code)> on_exec_exit;
};

}  // namespace stack::engine
