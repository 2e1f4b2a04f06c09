// From a bundle to a container whose process waits at the gate: what `create` and `run` have in common.
//
//   step                                          if it fails, or this process is killed here
//   config.json read and checked                  nothing is there
//   directory, lock, state.json                   a record without a process: `delete --force`
//   cgroup with its limits                        the record names it
//   process                                       it dies with our end of its channel
//   state.json with the process
//   prestart, createRuntime, createContainer      failure: process killed, all removed, poststop hooks run
//   gate, if anything is handed over there; config.json, without which nobody can start it; terminal and pidfd handed
//   over, pid file written
#pragma once

#include "runtime/launcher.hpp"
#include "runtime/oci/config_reader.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/program.hpp"

#include <optional>
#include <string>

namespace stack::oci {

struct CreateOptions {
    std::string bundle = ".";
    std::string config_file;     ///< empty: config.json of the bundle
    std::string console_socket;  ///< who gets the pty's master
    std::string pid_file, pidfd_socket;
    bool pivot = true, new_keyring = true;
    int preserve_fds = 0;  ///< besides what LISTEN_FDS says
    bool detached = true;  ///< nobody relays the terminal here: a console socket is needed for one
};

struct NewContainer {
    ContainerSpec spec;
    ContainerRecord record;
    FileLock lock;
    PendingProcess process;
    std::optional<UniqueFd> terminal;  ///< unless a console socket took it
    std::string notify_directory;      ///< empty: nobody waits for READY=1
    MadeCgroup cgroup;
};

/// `start_later`: another process will start it, through `start.sock`. Without, it may be on its way to the gate still when
/// nothing is handed over there. Throws Error; then nothing of it is left.
NewContainer make_container(Program& program, const std::string& id, const CreateOptions& options,
                            bool start_later);

/// Our standard streams for a process that has no terminal. Borrowed.
LaunchFds own_streams(const ProcessSpec& process);

/// Kills what lives of the container, removes its cgroup and its directory, runs poststop hooks (their failures are
/// warnings). May be repeated. Throws Error when a process or cgroup can't be removed; the record stays then.
void destroy_container(Program& program, const ContainerRecord& record,
                       const std::vector<HookSpec>& poststop);

/// The start socket of `create`, for `start`: nobody else can use it once this has returned. Throws Error(conflict) when it
/// isn't there.
std::string claim_start_socket(const StateStore& store, const std::string& id);

}  // namespace stack::oci
