// The engine of this host: containers by runtime/, networks by network/, images from the store, output into logs,
// all of it surviving this process through the keeper. The only place that includes the working headers of both
// runtime/ and network/. No decisions: those come as calls.
#pragma once

#include "manager/engine/engine.hpp"
#include "manager/engine/paths.hpp"
#include "runtime/base/log.hpp"
#include "runtime/keeper/keeper_client.hpp"

#include <memory>
#include <string>
#include <vector>

namespace stack::engine {

class LocalEngine final : public Engine {
  public:
    /// Takes over what the keeper holds from an earlier supervisor. Throws Error.
    LocalEngine(EventLoop& loop, Paths paths, std::string project, KeeperClient keeper, Log log);
    ~LocalEngine() override;

    /// The listening control socket that came with the keeper. Throws Error when there is none.
    UniqueFd take_control_socket();
    /// Hears of exits; ends when cancelled. Throws Error when the keeper is gone.
    Task<> run();
    /// Ends the engine's own tasks and threads.
    Task<> shut_down();
    /// Tells the keeper that nothing is left. Last call.
    void leave();

    Task<std::vector<Error>> check(std::vector<CreateRequest> to_create,
                                   std::vector<ContainerRecord> to_start) override;
    void end_operation() override;
    Task<> create_network(compose::Network network, std::string config_hash) override;
    Task<> remove_network(std::string name) override;
    Task<> create_volume(compose::Volume volume) override;
    Task<> remove_volume(std::string name) override;
    Task<> remove_hub() override;
    Task<ContainerRecord> create_container(CreateRequest request) override;
    Task<> remove_container(ContainerRecord record, bool keep_anonymous_volumes) override;
    Task<LaunchOutcome> launch(ContainerRecord record,
                               std::function<void(const LaunchOutcome&)> at_gate) override;
    bool adopt(const ContainerRecord& record, const ContainerState& state) override;
    void release(const std::string& id) override;
    void signal(const std::string& id, int number) override;
    void kill_all(const std::string& id) override;
    void publish_names(const std::string& id, bool answer) override;
    ImageConfig image_config(const ContainerRecord& record) override;
    Task<ExecStarted> exec(std::string id, ExecRequest request) override;
    void signal_exec(pid_t pid, int number) override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace stack::engine
