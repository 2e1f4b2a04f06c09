#include "runtime/base/error.hpp"
#include "tests/unit/plan_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace stack;
using namespace stack::plan;
using namespace stack::plan::test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace {

compose::Project shop() {
    compose::Service web = service("web"), app = service("app");
    depend(web, "app");
    depend(app, "db");
    compose::Project result = project({web, app, service("db")});
    mount_volume(result, "db", "data");
    return result;
}

std::string down_text(const compose::Project* project, const ObservedState& observed,
                      const DownOptions& options = {}) {
    const Plan plan = plan_down("shop", project, observed, options);
    EXPECT_TRUE(well_formed(plan)) << plan_text(plan);
    return plan_text(plan);
}

constexpr const char* kWholeProject =
    "stop container shop-web-1 (down)\n"
    "stop container shop-app-1 (down) after stop of container shop-web-1\n"
    "stop container shop-db-1 (down) after stop of container shop-app-1\n"
    "remove container shop-web-1 (down) after stop of container shop-web-1\n"
    "remove container shop-app-1 (down) after stop of container shop-app-1\n"
    "remove container shop-db-1 (down) after stop of container shop-db-1\n"
    "reach network shop_default unused after removal of container shop-web-1, removal of container "
    "shop-app-1, "
    "removal of container shop-db-1\n"
    "remove network shop_default (down) after network shop_default unused\n";

TEST(DownPlanner, StopsInReverseOrderThenRemovesContainersThenNetworks) {
    const compose::Project project = shop();
    EXPECT_EQ(down_text(&project, all_up(project)), kWholeProject);
}

TEST(DownPlanner, TakesTheOrderFromRecordsWithoutAFile) {
    const compose::Project project = shop();
    ObservedState state = all_up(project);
    for (ObservedContainer& one : state.containers)
        for (const auto& [name, how] : project.services.at(one.service).depends_on)
            one.depends_on[name] = "service_started";
    EXPECT_EQ(down_text(nullptr, state), down_text(&project, state));
}

TEST(DownPlanner, StopsEvenWhatDependsInACircle) {
    ObservedState state = all_up(shop());
    for (ObservedContainer& one : state.containers)
        one.depends_on = {{one.service == "web" ? "db" : "web", "service_started"}};
    const Plan plan = plan_down("shop", nullptr, state, {});
    EXPECT_EQ(std::count_if(plan.operations.begin(), plan.operations.end(),
                            [](const Operation& o) { return o.kind == OperationKind::remove_container; }),
              3);
}

TEST(DownPlanner, StopsOnlyWhatIsUp) {
    const compose::Project project = test::project({service("web")});
    ObservedState state = all_up(project);
    state.containers[0].status = ContainerStatus::exited;
    EXPECT_EQ(down_text(&project, state),
              "remove container shop-web-1 (down)\n"
              "remove network shop_default (down) after removal of container shop-web-1\n");
}

TEST(DownPlanner, RemovesTheFilesOwnVolumesOnRequestAndNeverExternalOnes) {
    compose::Project project = shop();
    mount_volume(project, "db", "shared");
    project.volumes.at("shared").external = true;
    const ObservedState state = all_up(project);
    EXPECT_THAT(down_text(&project, state), Not(HasSubstr("volume")));
    DownOptions options;
    options.volumes = true;
    const std::string text = down_text(&project, state, options);
    EXPECT_THAT(text, HasSubstr("remove volume shop_data (down) after removal of container shop-db-1\n"));
    EXPECT_THAT(text, Not(HasSubstr("shop_shared")));
}

TEST(DownPlanner, SaysWhenThereIsNothing) {
    const compose::Project project = shop();
    const Plan plan = plan_down("shop", &project, {}, {});
    EXPECT_TRUE(plan.empty());
    EXPECT_THAT(plan.warnings, ElementsAre("No resource found to remove for project \"shop\""));
}

TEST(DownPlanner, LeavesOrphansAndTheirNetworkUnlessAsked) {
    compose::Project project = test::project({service("web"), service("old")});
    const ObservedState state = all_up(project);
    project.services.erase("old");
    const Plan plan = plan_down("shop", &project, state, {});
    EXPECT_THAT(plan_text(plan), Not(HasSubstr("network")));
    EXPECT_THAT(plan.warnings, ElementsAre("Network shop_default: Resource is still in use by shop-old-1",
                                           HasSubstr("Found orphan containers (shop-old-1)")));
    DownOptions options;
    options.remove_orphans = true;
    const std::string text = down_text(&project, state, options);
    EXPECT_THAT(text, HasSubstr("remove container shop-old-1"));
    EXPECT_THAT(text, HasSubstr("remove network shop_default"));
}

TEST(DownPlanner, LeavesServicesBehindProfilesWithoutCallingThemOrphans) {
    compose::Project project = test::project({service("web"), service("debug")});
    const ObservedState state = all_up(project);
    project.disabled_services["debug"] = project.services.at("debug");
    project.services.erase("debug");
    const Plan plan = plan_down("shop", &project, state, {});
    EXPECT_THAT(plan_text(plan), Not(HasSubstr("debug")));
    EXPECT_THAT(lines(plan.warnings), Not(HasSubstr("orphan")));
}

TEST(DownPlanner, TakesNamedServicesAloneAndLeavesNetworks) {
    const compose::Project project = shop();
    DownOptions options;
    options.services = {"web"};
    options.timeout = std::chrono::seconds{3};
    EXPECT_EQ(down_text(&project, all_up(project), options),
              "stop container shop-web-1 (down)\n"
              "remove container shop-web-1 (down) after stop of container shop-web-1\n");
    EXPECT_EQ(plan_down("shop", &project, all_up(project), options).operations[0].timeout,
              std::chrono::seconds{3});
    options.services = {"nobody"};
    EXPECT_THROW(plan_down("shop", &project, all_up(project), options), Error);
}

TEST(DownPlanner, RemovesOneOffsOfItsServices) {
    const compose::Project project = test::project({service("web")});
    ObservedState state = all_up(project);
    ObservedContainer oneoff = container(project, "web");
    oneoff.oneoff = true;
    oneoff.name = oneoff.id = "shop-web-run-1";
    state.containers.push_back(oneoff);
    EXPECT_THAT(down_text(&project, state), HasSubstr("remove container shop-web-run-1"));
}

}  // namespace
