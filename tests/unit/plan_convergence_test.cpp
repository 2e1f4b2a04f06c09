// Plans carried out on a model of a host: whatever the project, the state and the edit in between, one `up` leads to
// what the file asks for, a second one has nothing to do, and `down` leaves nothing.
#include "tests/unit/plan_fixture.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace stack;
using namespace stack::plan;
using namespace stack::plan::test;
using testing::IsEmpty;

namespace {

class ModelHost {
  public:
    ObservedState state;

    /// Carries the plan out in its order and checks that no step asks for the impossible.
    void carry_out(const Plan& plan, const compose::Project& project) {
        ASSERT_TRUE(well_formed(plan));
        for (const Operation& operation : plan.operations) apply(operation, project);
    }

  private:
    void apply(const Operation& operation, const compose::Project& project) {
        SCOPED_TRACE(operation.resource + ": " + operation.cause);
        switch (operation.kind) {
            case OperationKind::create_network:
                ASSERT_FALSE(network(operation.name)) << operation.name;
                state.networks.push_back({operation.name, operation.key, operation.config_hash});
                return;
            case OperationKind::remove_network:
                for (const ObservedContainer& one : state.containers)
                    ASSERT_EQ(one.networks.count(operation.name), 0U) << "in use by " << one.name;
                std::erase_if(state.networks, [&](const auto& n) { return n.name == operation.name; });
                return;
            case OperationKind::create_volume:
                state.volumes.insert(operation.name);
                state.project_volumes.insert(operation.name);
                return;
            case OperationKind::remove_volume:
                state.volumes.erase(operation.name);
                state.project_volumes.erase(operation.name);
                return;
            case OperationKind::create_container:
                create(operation, project);
                return;
            case OperationKind::start_container:
                start(operation, project);
                return;
            case OperationKind::stop_container:
                ASSERT_EQ(by_name(operation.name).status, ContainerStatus::running);
                by_name(operation.name).status = ContainerStatus::exited;
                return;
            case OperationKind::remove_container:
                ASSERT_NE(by_name(operation.name).status, ContainerStatus::running)
                    << "removed while it runs";
                std::erase_if(state.containers,
                              [&](const auto& c) { return c.id == operation.container_id; });
                return;
            case OperationKind::wait_condition:
                for (const ObservedContainer& one : state.containers) {
                    if (one.service != operation.service) continue;
                    ASSERT_EQ(one.status, ContainerStatus::running) << "waits for what nobody started";
                }
                return;
            case OperationKind::kill_container:
            case OperationKind::barrier:
                return;
        }
    }

    void create(const Operation& operation, const compose::Project& project) {
        for (const ObservedContainer& one : state.containers)
            ASSERT_NE(one.name, operation.name) << "two of one name";
        ObservedContainer fresh =
            container(project, operation.service, operation.number, ContainerStatus::created);
        fresh.id += "#" + std::to_string(++created_);
        ASSERT_EQ(fresh.name, operation.name);
        ASSERT_EQ(fresh.config_hash, operation.config_hash);
        for (const std::string& name : fresh.networks)
            ASSERT_TRUE(network(name)) << name << " is not there yet";
        for (const std::string& name : fresh.volumes) ASSERT_EQ(state.volumes.count(name), 1U);
        fresh.image_digest = state.images.at(fresh.image);
        state.containers.push_back(fresh);
    }

    void start(const Operation& operation, const compose::Project& project) {
        ObservedContainer& one = by_name(operation.name);
        ASSERT_NE(one.status, ContainerStatus::running);
        for (const auto& [dependency, how] : project.services.at(operation.service).depends_on) {
            for (const ObservedContainer& needed : state.containers) {
                if (needed.service != dependency) continue;
                ASSERT_EQ(needed.status, ContainerStatus::running)
                    << operation.name << " starts before " << needed.name;
            }
        }
        one.status = ContainerStatus::running;
    }

    bool network(const std::string& name) const {
        return std::any_of(state.networks.begin(), state.networks.end(),
                           [&](const ObservedNetwork& n) { return n.name == name; });
    }
    ObservedContainer& by_name(const std::string& name) {
        for (ObservedContainer& one : state.containers)
            if (one.name == name) return one;
        throw std::runtime_error{"no container " + name};
    }
    int created_ = 0;
};

// A project of up to eight services with random dependencies (only towards earlier ones), networks and volumes.
compose::Project random_project(std::mt19937& random) {
    compose::Project result = project({});
    result.networks["back"] = {.key = "back", .name = "shop_back"};
    const auto count = 1 + random() % 8;
    for (unsigned i = 0; i < count; ++i) {
        compose::Service one = service("s" + std::to_string(i));
        one.networks["default"];
        if (random() % 3 == 0) one.networks["back"];
        one.scale = static_cast<int>(random() % 3);
        for (unsigned j = 0; j < i; ++j)
            if (random() % 3 == 0)
                depend(one, "s" + std::to_string(j),
                       random() % 2 != 0 ? compose::DependencyCondition::service_started
                                         : compose::DependencyCondition::service_healthy,
                       random() % 3 == 0, random() % 4 != 0);
        result.services[one.name] = one;
        if (random() % 3 == 0) mount_volume(result, one.name, "v" + std::to_string(random() % 3));
    }
    return result;
}

// What a user may do to the file or the host between two commands.
void disturb(std::mt19937& random, compose::Project& project, ObservedState& state) {
    for (auto& [name, one] : project.services) {
        switch (random() % 8) {
            case 0:
                one.environment["A"] = std::to_string(random());
                break;
            case 1:
                one.scale = static_cast<int>(random() % 4);
                break;
            case 2:
                state.images[one.image] = "sha256:" + std::to_string(random());
                break;
            default:
                break;
        }
    }
    for (auto& [key, network] : project.networks)
        if (random() % 5 == 0) network.internal = !network.internal;
    for (ObservedContainer& one : state.containers)
        if (random() % 6 == 0) one.status = ContainerStatus::exited;
}

TEST(Planner, ConvergesFromAnyStateAndDownLeavesNothing) {
    std::mt19937 random{11};
    for (int round = 0; round < 50; ++round) {
        compose::Project project = random_project(random);
        ModelHost host;
        for (const auto& [name, one] : project.services) host.state.images[one.image] = "sha256:first";
        for (int edit = 0; edit < 4; ++edit) {
            const Plan plan = plan_up(project, host.state, {});
            SCOPED_TRACE("round " + std::to_string(round) + "\n" + plan_text(plan));
            host.carry_out(plan, project);
            if (HasFatalFailure()) return;
            const Plan again = plan_up(project, host.state, {});
            ASSERT_TRUE(again.empty()) << plan_text(again);
            std::size_t wanted = 0;
            for (const auto& [name, one] : project.services) wanted += static_cast<std::size_t>(one.scale);
            ASSERT_EQ(again.unchanged.size(), wanted);
            disturb(random, project, host.state);
        }
        DownOptions everything;
        everything.volumes = true;
        const Plan down = plan_down("shop", random() % 2 != 0 ? &project : nullptr, host.state, everything);
        SCOPED_TRACE(plan_text(down));
        host.carry_out(down, project);
        if (HasFatalFailure()) return;
        EXPECT_THAT(host.state.containers, IsEmpty());
        EXPECT_THAT(host.state.networks, IsEmpty());
        EXPECT_THAT(host.state.volumes, IsEmpty());
    }
}

}  // namespace
