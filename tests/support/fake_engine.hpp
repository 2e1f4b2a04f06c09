// A small working model of a host: containers "run" in memory, exits happen when a test says so. Records go to real
// (temporary) directories, since records are how supervisors know anything.
#pragma once

#include "manager/engine/engine.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace stack::test {

class FakeEngine final : public engine::Engine {
  public:
    FakeEngine(EventLoop& loop, engine::Paths paths, std::string project)
        : loop_{loop}, paths_{std::move(paths)}, project_{std::move(project)} {}

    /// What happened, in order: "create web-1", "launch web-1", "signal web-1 15", "remove web-1", …
    std::vector<std::string> journal;
    std::set<std::string> exits_at_once;     ///< services whose process ends right after its start, with 0
    std::map<std::string, int> exit_codes;   ///< …or with this code
    std::set<std::string> cannot_launch;     ///< services whose command does not exist
    std::set<std::string> ignores_term;      ///< services that only SIGKILL ends
    std::map<std::string, int> probe_codes;  ///< by service; what the health probe exits with
    std::vector<Error> check_errors;

    /// Ends the process of a running container.
    void end(const std::string& name, int exit_code);
    [[nodiscard]] bool runs(const std::string& name) const;
    [[nodiscard]] std::size_t launches(const std::string& name) const;
    [[nodiscard]] std::size_t position(
        const std::string& entry) const;  ///< in the journal; its size when missing

    Task<std::vector<Error>> check(std::vector<engine::CreateRequest> to_create,
                                   std::vector<engine::ContainerRecord> to_start) override;
    void end_operation() override {}
    Task<> create_network(compose::Network network, std::string config_hash) override;
    Task<> remove_network(std::string name) override;
    Task<> create_volume(compose::Volume volume) override;
    Task<> remove_volume(std::string name) override;
    Task<> remove_hub() override;
    Task<engine::ContainerRecord> create_container(engine::CreateRequest request) override;
    Task<> remove_container(engine::ContainerRecord record, bool keep_anonymous_volumes) override;
    Task<engine::LaunchOutcome> launch(engine::ContainerRecord record,
                                       std::function<void(const engine::LaunchOutcome&)> at_gate) override;
    bool adopt(const engine::ContainerRecord& record, const engine::ContainerState& state) override;
    void release(const std::string& id) override;
    void signal(const std::string& id, int number) override;
    void kill_all(const std::string& id) override;
    void publish_names(const std::string& id, bool answer) override;
    ImageConfig image_config(const engine::ContainerRecord& record) override;
    Task<engine::ExecStarted> exec(std::string id, engine::ExecRequest request) override;
    void signal_exec(pid_t pid, int number) override;

  private:
    void finish(const std::string& id, int exit_code);
    EventLoop& loop_;
    const engine::Paths paths_;
    const std::string project_;
    std::map<std::string, engine::ContainerRecord> running_;  // by id
    std::map<std::string, std::string> names_;                // id -> name
    pid_t next_pid_ = 100000;
};

}  // namespace stack::test
