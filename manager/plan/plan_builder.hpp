// What the planners share: operations with their numbers, joins of many prerequisites, and who waits for whom
// when containers start. Internal to manager/plan.
#pragma once

#include "manager/plan/graph.hpp"
#include "manager/plan/observed_state.hpp"
#include "manager/plan/plan.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace stack::plan {

/// Operations that are waited for together. Between many and many stands a barrier, so that a plan stays
/// linear in the number of containers; one or none needs none. Complete before it is first used.
struct Join {
    std::string resource;  ///< name of the barrier
    std::vector<int> members;
    std::optional<int> barrier;
};

class PlanBuilder {
  public:
    /// Gives the operation its id; prerequisites must have been added before.
    int add(Operation operation);
    Operation& at(int id) { return plan_.operations[static_cast<std::size_t>(id)]; }
    /// Prerequisites that stand for all members of `join`.
    std::vector<int> all_of(Join& join);
    void warn(std::string text) { plan_.warnings.push_back(std::move(text)); }
    void unchanged(std::string resource) { plan_.unchanged.push_back(std::move(resource)); }
    /// Sorts what is to be sorted.
    Plan finish() &&;

  private:
    Plan plan_;
};

/// An operation on a container that exists.
Operation container_operation(OperationKind kind, const ObservedContainer& container, std::string cause);
bool is_up(const ObservedContainer& container);  ///< has, or is about to have, a process
/// By service, then number; one-offs apart from the numbered ones, all by name at last.
bool container_before(const ObservedContainer* a, const ObservedContainer* b);

/// Stops of a plan: dependants first. Add services in reverse dependency order.
class StopEmitter {
  public:
    /// `graph` says who needs whom; it must outlive this.
    StopEmitter(PlanBuilder& builder, const Graph& graph) : builder_{builder}, needed_by_{reversed(graph)} {}
    int stop(const ObservedContainer& container, const std::string& cause,
             std::optional<std::chrono::nanoseconds> timeout);

  private:
    PlanBuilder& builder_;
    Graph needed_by_;
    std::map<std::string, Join> stops_;  // by service
};

/// Starts of a plan: after what the depends_on conditions ask for. Add services in dependency order.
class StartEmitter {
  public:
    explicit StartEmitter(PlanBuilder& builder) : builder_{builder} {}
    /// `conditions`: the dependencies that take part in this plan.
    int start(Operation operation, const std::map<std::string, compose::Dependency>& conditions,
              std::vector<int> prerequisites);

  private:
    std::vector<int> wait_for(const std::string& service, const std::string& dependency,
                              const compose::Dependency& how);
    PlanBuilder& builder_;
    std::map<std::string, Join> starts_;  // by service
    std::map<std::tuple<std::string, compose::DependencyCondition, bool>, int> waits_;
    std::map<std::string, std::vector<int>> awaited_;  // by service: what its replicas wait for
};

}  // namespace stack::plan
