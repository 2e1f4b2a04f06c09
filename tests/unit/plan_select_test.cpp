#include "runtime/base/error.hpp"
#include "tests/unit/plan_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace stack;
using namespace stack::plan;
using namespace stack::plan::test;
using compose::DependencyCondition;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

compose::Project shop() {
    compose::Service web = service("web"), app = service("app");
    depend(web, "app", DependencyCondition::service_started, true);
    depend(app, "db", DependencyCondition::service_healthy);
    return project({web, app, service("db")});
}

ObservedState all_down(const compose::Project& project) {
    ObservedState state = all_up(project);
    for (ObservedContainer& one : state.containers) one.status = ContainerStatus::exited;
    return state;
}

TEST(StartPlanner, StartsExistingContainersAlongTheirConditions) {
    const compose::Project project = shop();
    EXPECT_EQ(plan_text(plan_start(&project, all_down(project), {})),
              "start container shop-db-1 (start)\n"
              "wait for service db to be healthy (needed by app) after start of container shop-db-1\n"
              "start container shop-app-1 (start) after wait for service db to be healthy\n"
              "start container shop-web-1 (start) after start of container shop-app-1\n");
}

TEST(StartPlanner, UsesRecordedConditionsWithoutAFile) {
    const compose::Project project = shop();
    ObservedState state = all_down(project);
    for (ObservedContainer& one : state.containers) {
        if (one.service == "web") one.depends_on = {{"app", "service_started"}};
        if (one.service == "app") one.depends_on = {{"db", "service_healthy"}};
    }
    EXPECT_EQ(plan_text(plan_start(nullptr, state, {})), plan_text(plan_start(&project, state, {})));
}

TEST(StartPlanner, BringsDependenciesAlongUnlessToldNotTo) {
    const compose::Project project = shop();
    SelectOptions options;
    options.services = {"app"};
    EXPECT_EQ(plan_text(plan_start(&project, all_down(project), options)),
              "start container shop-db-1 (start)\n"
              "wait for service db to be healthy (needed by app) after start of container shop-db-1\n"
              "start container shop-app-1 (start) after wait for service db to be healthy\n");
    options.no_deps = true;
    EXPECT_EQ(plan_text(plan_start(&project, all_down(project), options)),
              "start container shop-app-1 (start)\n");
}

TEST(StartPlanner, RefusesAServiceWithoutContainers) {
    const compose::Project project = shop();
    SelectOptions options;
    options.services = {"web"};
    try {
        plan_start(&project, {}, options);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.message(), "service \"web\" has no container to start");
        EXPECT_THAT(error.hint(), HasSubstr("stack up web"));
    }
}

TEST(StartPlanner, LeavesRunningContainersAlone) {
    const compose::Project project = shop();
    const Plan plan = plan_start(&project, all_up(project), {});
    EXPECT_TRUE(plan.empty());
    EXPECT_EQ(plan.unchanged.size(), 3U);
}

TEST(StopPlanner, StopsDependantsFirst) {
    const compose::Project project = shop();
    SelectOptions options;
    options.timeout = std::chrono::seconds{1};
    const Plan plan = plan_stop(&project, all_up(project), options);
    EXPECT_EQ(plan_text(plan),
              "stop container shop-web-1 (stop)\n"
              "stop container shop-app-1 (stop) after stop of container shop-web-1\n"
              "stop container shop-db-1 (stop) after stop of container shop-app-1\n");
    EXPECT_EQ(plan.operations[0].timeout, std::chrono::seconds{1});
    EXPECT_TRUE(plan_stop(&project, all_down(project), {}).empty());
}

TEST(StopPlanner, StopsOnlyTheNamedServices) {
    const compose::Project project = shop();
    SelectOptions options;
    options.services = {"db"};
    EXPECT_EQ(plan_text(plan_stop(&project, all_up(project), options)), "stop container shop-db-1 (stop)\n");
}

TEST(RestartPlanner, TakesDependantsAlongThatAskForIt) {
    const compose::Project project = shop();
    SelectOptions options;
    options.services = {"app"};
    EXPECT_EQ(plan_text(plan_restart(&project, all_up(project), options)),
              "stop container shop-web-1 (dependency app restarts)\n"
              "stop container shop-app-1 (restart) after stop of container shop-web-1\n"
              "start container shop-app-1 (restart) after stop of container shop-app-1\n"
              "start container shop-web-1 (dependency app restarts) after stop of container shop-web-1, "
              "start of container shop-app-1\n");
    options.no_deps = true;
    EXPECT_EQ(plan_text(plan_restart(&project, all_up(project), options)),
              "stop container shop-app-1 (restart)\n"
              "start container shop-app-1 (restart) after stop of container shop-app-1\n");
}

TEST(RestartPlanner, StartsNamedContainersThatAreDownAndLeavesIdleDependantsDown) {
    const compose::Project project = shop();
    SelectOptions options;
    options.services = {"app"};
    EXPECT_EQ(plan_text(plan_restart(&project, all_down(project), options)),
              "start container shop-app-1 (restart)\n");
}

TEST(KillPlanner, SignalsWhatIsUpWithoutAnyOrder) {
    const compose::Project project = shop();
    SelectOptions options;
    options.signal = 1;
    EXPECT_EQ(plan_text(plan_kill(&project, all_up(project), options)),
              "kill container shop-app-1 with signal 1 (kill)\n"
              "kill container shop-db-1 with signal 1 (kill)\n"
              "kill container shop-web-1 with signal 1 (kill)\n");
    EXPECT_THAT(plan_kill(&project, all_down(project), options).warnings,
                ElementsAre("No container to kill"));
}

}  // namespace
