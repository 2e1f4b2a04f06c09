// A project's supervisor: holds its containers' machines, carries out their actions through an Engine, runs plans,
// and tells clients. All policy is in pure parts (planner, service_machine); all effects are the engine's.
//
// One thread. At any instant it may be killed: what it knows is in records before anything depends on it, and the
// next one adopts the rest (see docs/architecture.md).
#pragma once

#include "manager/control/protocol.hpp"
#include "manager/engine/engine.hpp"
#include "manager/engine/executor.hpp"
#include "manager/supervisor/unit.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/task.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::supervisor {

/// Where the progress of an operation goes.
using EventSink = std::function<void(const control::StreamEvent&)>;

class Supervisor : private engine::OperationRunner {
  public:
    Supervisor(EventLoop& loop, engine::Paths paths, std::string project, engine::Engine& engine, Log log);
    ~Supervisor() override;

    /// Takes up what records say; call once, before any operation.
    void adopt();
    /// Runs timers; ends when cancelled.
    Task<> run_timers();

    // Operations: one at a time. stop, down and kill interrupt an operation that is under way.
    Task<control::ResultEvent> up(control::UpRequest request, EventSink sink);
    Task<control::ResultEvent> down(control::DownRequest request, EventSink sink);
    Task<control::ResultEvent> start(control::SelectRequest request, EventSink sink);
    Task<control::ResultEvent> stop(control::SelectRequest request, EventSink sink);
    Task<control::ResultEvent> restart(control::SelectRequest request, EventSink sink);
    Task<control::ResultEvent> kill(control::SelectRequest request, EventSink sink);

    /// The running container that an exec request means. Throws Error(not_found).
    [[nodiscard]] std::string find_exec_target(const control::ExecRequest& request) const;
    Task<engine::ExecStarted> exec(std::string id, engine::ExecRequest request);
    void signal_exec(pid_t pid, int number) { engine_.signal_exec(pid, number); }
    /// Waits for the end of a process that exec made.
    Task<int> wait_exec(pid_t pid);

    [[nodiscard]] control::ProjectSummary summary() const;
    /// Called with every event until the token is destroyed.
    [[nodiscard]] std::shared_ptr<void> subscribe(std::function<void(const control::Event&)> listener);

    /// True when no container lives or may come back, and no operation runs.
    [[nodiscard]] bool idle() const;
    /// True when nothing of the project is left on this host but named volumes.
    [[nodiscard]] bool nothing_left() const;
    /// Woken at every change of a unit or an operation.
    [[nodiscard]] Signal& changed() { return changed_; }
    Task<> remove_hub() { return engine_.remove_hub(); }
    /// Ends the tasks of units (probes, launches) and waits for them.
    Task<> shut_down();

  private:
    struct OperationContext;
    class Turn;
    using UnitPtr = std::shared_ptr<Unit>;

    // operations
    using SelectPlanner = plan::Plan (*)(const compose::Project*, const plan::ObservedState&,
                                         const plan::SelectOptions&);
    Task<> take_turn(bool interrupt);
    Task<control::ResultEvent> select(control::SelectRequest request, EventSink sink, SelectPlanner planner,
                                      bool interrupt);
    Task<control::ResultEvent> carry_out(plan::Plan plan, OperationContext* context);
    Task<std::vector<Error>> check_before(const plan::Plan& plan,
                                          std::shared_ptr<const compose::Project> project);
    Task<> run(const plan::Operation& operation) override;
    Task<> run_create(const plan::Operation& operation);
    Task<> run_start(const plan::Operation& operation);
    Task<> run_stop(const plan::Operation& operation);
    Task<> run_kill(const plan::Operation& operation);
    Task<> run_remove(const plan::Operation& operation);
    Task<> run_wait(const plan::Operation& operation);
    Task<> run_network(const plan::Operation& operation);
    Task<> await_targets(const std::map<std::string, compose::DependencyCondition>& targets,
                         std::optional<std::chrono::nanoseconds> limit);
    Task<> await_service(std::string service, compose::DependencyCondition condition, bool may_lack_check);
    void progress(const std::string& resource, const std::string& status, const std::string& detail = {});
    void warn(const std::string& message);

    // units
    UnitPtr find(const std::string& id) const;
    UnitPtr find_operation_unit(const plan::Operation& operation) const;
    std::vector<UnitPtr> units_of(const std::string& service) const;
    UnitPtr add_unit(engine::ContainerRecord record, engine::ContainerState state);
    void feed(const UnitPtr& unit, const Event& event);
    void apply(const UnitPtr& unit, const std::vector<Action>& actions);
    void apply_report(const UnitPtr& unit, const Report& report);
    void emit(const UnitPtr& unit, const std::string& action, bool restarting = false);
    Task<> launch_unit(UnitPtr unit);
    Task<> probe_unit(UnitPtr unit, std::uint64_t probe);
    void on_exit(const engine::ContainerExit& exit);

    EventLoop& loop_;
    const engine::Paths paths_;
    const std::string project_name_;
    engine::Engine& engine_;
    Log log_;
    Signal changed_, timers_changed_;
    TaskGroup tasks_;
    std::map<std::string, UnitPtr> units_;  ///< by id
    std::map<pid_t, std::optional<int>> exec_exits_;
    std::map<std::uint64_t, std::function<void(const control::Event&)>> listeners_;
    std::uint64_t next_listener_ = 0;
    OperationContext* current_ = nullptr;
    bool turn_taken_ = false;
    std::size_t turns_waiting_ = 0;
};

}  // namespace stack::supervisor
