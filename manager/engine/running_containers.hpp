// What runs on this host of a project: containers from the clone of their first process to the last byte of their output,
// and processes made by exec. Each is the keeper's child; its exit comes as a record of the keeper's journal.
//
// Knows processes, cgroups and output pipes; not networks, volumes or images (local_engine.cpp).
#pragma once

#include "manager/engine/container_groups.hpp"
#include "manager/engine/engine.hpp"
#include "manager/engine/own_namespaces.hpp"
#include "manager/engine/paths.hpp"
#include "manager/engine/shared_namespaces.hpp"
#include "manager/logs/log_pump.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/log.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/keeper/keeper_client.hpp"
#include "runtime/launcher.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace stack::engine {

class RunningContainers {
  public:
    struct Events {
        std::function<void(ContainerExit)>
            container_exit;  ///< once for each, when nothing of it runs any more
        std::function<void(pid_t pid, int exit_code)> exec_exit;
        std::function<void(std::string)> note;  ///< what the user should hear of a start
    };

    /// `paths`, `keeper` and `facts` outlive this.
    RunningContainers(EventLoop& loop, const Paths& paths, KeeperClient& keeper, const HostFacts& facts,
                      const Log& log, Events events);

    /// Starts the container's first process in the namespaces `own` (its network the host's, or another container's if the
    /// service says so). `at_gate` is called before the image's program runs. After a failure nothing of it is left.
    Task<LaunchOutcome> launch(ContainerRecord record, ContainerSpec spec, OwnNamespaces own,
                               std::function<void(const LaunchOutcome&)> at_gate);
    /// Takes up a container that an earlier supervisor started, with what the keeper held of its output; entries of
    /// `inherited` that were used lose their name. False when its process is gone.
    bool adopt(const ContainerRecord& record, const ContainerState& state, ContainerSpec spec,
               std::vector<KeeperClient::Held>& inherited);
    Task<ExecStarted> exec(std::string id, ExecRequest request);

    /// What the keeper told; unknown processes are acknowledged and forgotten.
    void on_exit_record(const ExitRecord& exit);

    void signal(const std::string& id, int number);
    void kill_all(const std::string& id);
    void signal_exec(pid_t pid, int number);
    /// nullptr when it does not run.
    [[nodiscard]] const ContainerRecord* find(const std::string& id) const;

    /// Removes the container's cgroup; what fails is logged.
    Task<> remove_cgroup_of(ContainerRecord record);
    /// Removes the cgroups above it that are empty now. Blocks.
    void prune_cgroups_above(const ContainerRecord& record) const;

    /// Ends everything that waits for an exit; the containers run on.
    Task<> stop();

  private:
    struct Live;

    void on_drained(const std::string& id);
    Task<> finish(std::string id, ExitRecord exit, int code);
    Task<> watch_stranger(std::shared_ptr<Live> container);
    void pass_on_warnings(const PendingProcess& process, const ContainerRecord& record) const;
    [[nodiscard]] LaunchOptions launch_options(const Live& container) const;
    Task<LaunchOutcome> start_process(std::shared_ptr<Live> container, OwnNamespaces own,
                                      std::function<void(const LaunchOutcome&)>* at_gate);
    /// Who may share a namespace; borrowed from `live_`.
    [[nodiscard]] std::vector<NamespaceOwner> owners() const;
    Task<> await_gate(PendingProcess* process);
    Task<> run_creating_hooks(std::shared_ptr<Live> container, PendingProcess* process);
    Task<> run_late_hooks(std::string kind, std::shared_ptr<Live> container, pid_t pid);
    Task<> await_exec(PendingProcess* process);

    EventLoop& loop_;
    const Paths& paths_;
    KeeperClient& keeper_;
    Log log_;
    const Events events_;
    const HostFacts& facts_;
    ContainerGroups groups_;
    Signal changed_;
    TaskGroup tasks_;
    logs::LogPump pump_;
    std::map<std::string, std::shared_ptr<Live>> live_;  // by container id
    std::map<pid_t, std::string> containers_by_pid_;
    std::map<pid_t, ProcessHandle> execs_;
};

}  // namespace stack::engine
