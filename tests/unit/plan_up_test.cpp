#include "runtime/base/error.hpp"
#include "tests/unit/plan_fixture.hpp"

#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace stack;
using namespace stack::plan;
using namespace stack::plan::test;
using compose::DependencyCondition;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

std::string up_text(const compose::Project& project, const ObservedState& observed,
                    const UpOptions& options = {}) {
    const Plan plan = plan_up(project, observed, options);
    EXPECT_TRUE(well_formed(plan)) << plan_text(plan);
    return plan_text(plan);
}

Error error_of(const compose::Project& project, const ObservedState& observed,
               const UpOptions& options = {}) {
    try {
        plan_up(project, observed, options);
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error";
    return {ErrorKind::internal, ""};
}

// A project with one of everything that orders a start.
compose::Project guestbook() {
    compose::Service web = service("web"), app = service("app"), redis = service("redis"),
                     migrate = service("migrate");
    depend(web, "app", DependencyCondition::service_healthy);
    depend(app, "redis");
    depend(app, "migrate", DependencyCondition::service_completed_successfully);
    depend(migrate, "redis", DependencyCondition::service_healthy);
    redis.networks["back"];
    app.networks["back"];
    app.networks["default"];
    compose::Project result = project({web, app, redis, migrate});
    result.networks["back"] = {.key = "back", .name = "shop_back"};
    mount_volume(result, "redis", "data");
    return result;
}

TEST(Planner, CreatesEverythingBeforeItStartsAnything) {
    EXPECT_EQ(
        up_text(guestbook(), {}),
        "create volume shop_data (not there)\n"
        "create network shop_back (not there)\n"
        "create network shop_default (not there)\n"
        "create container shop-redis-1 (not there) after volume shop_data, network shop_back\n"
        "create container shop-migrate-1 (not there) after network shop_default\n"
        "create container shop-app-1 (not there) after network shop_back, network shop_default\n"
        "create container shop-web-1 (not there) after network shop_default\n"
        "reach all containers created after container shop-redis-1, container shop-migrate-1, "
        "container shop-app-1, container shop-web-1\n"
        "start container shop-redis-1 (created) after all containers created\n"
        "wait for service redis to be healthy (needed by migrate) after start of container shop-redis-1\n"
        "start container shop-migrate-1 (created) after all containers created, "
        "wait for service redis to be healthy\n"
        "wait for service migrate to complete (needed by app) after start of container shop-migrate-1\n"
        "start container shop-app-1 (created) after all containers created, start of container shop-redis-1, "
        "wait for service migrate to complete\n"
        "wait for service app to be healthy (needed by web) after start of container shop-app-1\n"
        "start container shop-web-1 (created) after all containers created, wait for service app to be "
        "healthy\n");
}

TEST(Planner, ChangesNothingWhenNothingChanged) {
    const compose::Project project = guestbook();
    const Plan plan = plan_up(project, all_up(project), {});
    EXPECT_TRUE(plan.empty()) << plan_text(plan);
    EXPECT_THAT(plan.unchanged, ElementsAre("Container shop-app-1", "Container shop-migrate-1",
                                            "Container shop-redis-1", "Container shop-web-1"));
    EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(Planner, StartsStoppedContainersAgain) {
    const compose::Project project = guestbook();
    ObservedState state = all_up(project);
    for (ObservedContainer& one : state.containers)
        if (one.service == "migrate" || one.service == "web") one.status = ContainerStatus::exited;
    EXPECT_EQ(up_text(project, state),
              "wait for service redis to be healthy (needed by migrate)\n"
              "start container shop-migrate-1 (not running) after wait for service redis to be healthy\n"
              "wait for service app to be healthy (needed by web)\n"
              "start container shop-web-1 (not running) after wait for service app to be healthy\n");
}

TEST(Planner, RecreatesAloneTheServiceWhoseEnvironmentChanged) {
    compose::Project project = test::project({service("web"), service("db")});
    const ObservedState state = all_up(project);
    project.services.at("web").environment["DB_URL"] = "x";
    EXPECT_EQ(up_text(project, state),
              "stop container shop-web-1 (environment DB_URL added)\n"
              "remove container shop-web-1 (environment DB_URL added) after stop of container shop-web-1\n"
              "create container shop-web-1 (environment DB_URL added) after removal of container shop-web-1\n"
              "start container shop-web-1 (recreated) after container shop-web-1\n");
    const Plan plan = plan_up(project, state, {});
    EXPECT_THAT(plan.unchanged, ElementsAre("Container shop-db-1"));
    EXPECT_EQ(plan.operations[2].replaces, "id-shop-web-1");
    EXPECT_EQ(plan.operations[2].config_hash, service_hash(project.services.at("web")));
    EXPECT_EQ(plan.operations[3].container_id, "");
}

TEST(Planner, RecreatesContainerWhenImageDigestChanges) {
    const compose::Project project = test::project({service("web")});
    ObservedState state = all_up(project);
    state.images.at("web:1") = "sha256:new";
    EXPECT_THAT(up_text(project, state), HasSubstr("create container shop-web-1 (image changed)"));
}

TEST(Planner, RecreatesContainerThatMissesANetworkOrAVolume) {
    compose::Project project = test::project({service("web"), service("db")});
    mount_volume(project, "db", "data");
    ObservedState state = all_up(project);
    state.containers[0].volumes.clear();
    EXPECT_THAT(up_text(project, state), HasSubstr("create container shop-db-1 (without volume shop_data)"));
    state = all_up(project);
    state.containers[1].networks.clear();
    EXPECT_THAT(up_text(project, state),
                HasSubstr("create container shop-web-1 (not on network shop_default)"));
    state = all_up(project);
    state.volumes.clear();
    state.project_volumes.clear();
    EXPECT_THAT(up_text(project, state), HasSubstr("create container shop-db-1 (volume shop_data is gone)"));
}

TEST(Planner, SaysOnlyThatConfigurationChangedWhenTheOldServiceIsUnknown) {
    const compose::Project project = test::project({service("web")});
    ObservedState state = all_up(project);
    state.containers[0].service_spec.reset();
    state.containers[0].config_hash = "old";
    EXPECT_THAT(up_text(project, state), HasSubstr("create container shop-web-1 (configuration changed)"));
}

TEST(Planner, ForcesOnlyTheServicesThatAreNamed) {
    compose::Service web = service("web");
    depend(web, "db");
    const compose::Project project = test::project({web, service("db")});
    UpOptions options;
    options.force_recreate = true;
    options.services = {"web"};
    const std::string text = up_text(project, all_up(project), options);
    EXPECT_THAT(text, HasSubstr("create container shop-web-1 (forced)"));
    EXPECT_THAT(text, Not(HasSubstr("shop-db-1")));
    options.services.clear();
    EXPECT_THAT(up_text(project, all_up(project), options), HasSubstr("create container shop-db-1 (forced)"));
}

TEST(Planner, KeepsChangedContainersWithNoRecreate) {
    compose::Project project = test::project({service("web")});
    const ObservedState state = all_up(project);
    project.services.at("web").environment["A"] = "x";
    UpOptions options;
    options.no_recreate = true;
    EXPECT_EQ(up_text(project, state, options), "");
}

TEST(Planner, NumbersNewReplicasAfterTheHighest) {
    const compose::Project project = test::project({service("web")});
    ObservedState state = all_up(project);
    state.containers.push_back(container(project, "web", 4));
    UpOptions options;
    options.scale["web"] = 4;
    EXPECT_EQ(up_text(project, state, options),
              "create container shop-web-5 (not there)\n"
              "create container shop-web-6 (not there)\n"
              "reach all containers created after container shop-web-5, container shop-web-6\n"
              "start container shop-web-5 (created) after all containers created\n"
              "start container shop-web-6 (created) after all containers created\n");
}

TEST(Planner, ScalesDownOutdatedReplicasFirstThenTheHighest) {
    compose::Project project = test::project({service("web")});
    project.services.at("web").scale = 4;
    ObservedState state = all_up(project);
    state.containers[1].image_digest = "sha256:old";
    UpOptions options;
    options.scale["web"] = 2;
    EXPECT_EQ(up_text(project, state, options),
              "stop container shop-web-2 (scaled to 2)\n"
              "stop container shop-web-4 (scaled to 2)\n"
              "remove container shop-web-2 (scaled to 2) after stop of container shop-web-2\n"
              "remove container shop-web-4 (scaled to 2) after stop of container shop-web-4\n");
}

TEST(Planner, WaitsForAllReplicasThroughOneBarrier) {
    compose::Service web = service("web"), db = service("db");
    db.scale = 2;
    web.scale = 2;
    depend(web, "db");
    const std::string text = up_text(test::project({web, db}), {});
    EXPECT_THAT(text, HasSubstr("reach service db started after start of container shop-db-1, "
                                "start of container shop-db-2\n"
                                "start container shop-web-1 (created) after all containers created, "
                                "service db started\n"
                                "start container shop-web-2 (created) after all containers created, "
                                "service db started\n"));
}

TEST(Planner, DoesNotWaitForADependencyOfScaleZero) {
    compose::Service web = service("web"), db = service("db");
    db.scale = 0;
    depend(web, "db", DependencyCondition::service_healthy);
    EXPECT_THAT(up_text(test::project({web, db}), {}), Not(HasSubstr("db")));
}

TEST(Planner, WatchesAnOptionalDependencyInsteadOfRequiringIt) {
    compose::Service web = service("web");
    depend(web, "db", DependencyCondition::service_started, false, false);
    EXPECT_THAT(
        up_text(test::project({web, service("db")}), {}),
        HasSubstr("wait for service db to run, optional (needed by web) after start of container shop-db-1\n"
                  "start container shop-web-1 (created) after all containers created, "
                  "wait for service db to run\n"));
}

TEST(Planner, WarnsOfAnOptionalDependencyThatIsNotThere) {
    compose::Service web = service("web");
    depend(web, "db", DependencyCondition::service_started, false, false);
    compose::Project project = test::project({web});
    project.disabled_services["db"] = service("db");
    const Plan plan = plan_up(project, {}, {});
    EXPECT_THAT(lines(plan.warnings),
                HasSubstr("\"web\" depends on \"db\", which is behind a profile that is off"));
    project.services.at("web").depends_on.at("db").required = true;
    EXPECT_THAT(error_of(project, {}).message(), HasSubstr("\"web\" depends on \"db\""));
}

TEST(Planner, RestartsDependantsThatAskForItWhenTheirDependencyIsRecreated) {
    compose::Service proxy = service("proxy"), web = service("web"), idle = service("idle"),
                     watcher = service("watcher");
    depend(web, "db", DependencyCondition::service_started, true);
    depend(proxy, "web", DependencyCondition::service_started, true);
    depend(watcher, "db");
    compose::Project project = test::project({proxy, web, idle, watcher, service("db")});
    const ObservedState state = all_up(project);
    project.services.at("db").environment["A"] = "1";
    EXPECT_EQ(up_text(project, state),
              "stop container shop-proxy-1 (dependency web restarts)\n"
              "stop container shop-web-1 (dependency db restarts) after stop of container shop-proxy-1\n"
              "stop container shop-db-1 (environment A added) after stop of container shop-web-1\n"
              "remove container shop-db-1 (environment A added) after stop of container shop-db-1\n"
              "create container shop-db-1 (environment A added) after removal of container shop-db-1\n"
              "start container shop-db-1 (recreated) after container shop-db-1\n"
              "start container shop-web-1 (dependency db restarts) after stop of container shop-web-1, "
              "container shop-db-1, start of container shop-db-1\n"
              "start container shop-proxy-1 (dependency web restarts) after stop of container shop-proxy-1, "
              "container shop-db-1, start of container shop-web-1\n");
    UpOptions only_db;
    only_db.services = {"db"};
    EXPECT_THAT(up_text(project, state, only_db),
                HasSubstr("start container shop-web-1 (dependency db restarts)"));
}

TEST(Planner, TakesSelectedServicesWithTheirDependencies) {
    const compose::Project project = guestbook();
    UpOptions options;
    options.services = {"migrate"};
    const std::string text = up_text(project, {}, options);
    EXPECT_THAT(text, HasSubstr("start container shop-redis-1"));
    EXPECT_THAT(text, Not(HasSubstr("shop-app-1")));
    options.no_deps = true;
    EXPECT_EQ(up_text(project, {}, options),
              "create network shop_default (not there)\n"
              "create container shop-migrate-1 (not there) after network shop_default\n"
              "start container shop-migrate-1 (created) after container shop-migrate-1\n");
}

TEST(Planner, OnlyCreatesWithNoStart) {
    UpOptions options;
    options.start = false;
    EXPECT_EQ(up_text(test::project({service("web")}), {}, options),
              "create network shop_default (not there)\n"
              "create container shop-web-1 (not there) after network shop_default\n");
}

TEST(Planner, ReplacesAChangedNetworkWithItsContainers) {
    compose::Project project = test::project({service("web"), service("db")});
    const ObservedState state = all_up(project);
    project.networks.at("default").internal = true;
    UpOptions only_web;
    only_web.services = {"web"};
    EXPECT_EQ(
        up_text(project, state, only_web),
        "stop container shop-web-1 (network shop_default changed)\n"
        "stop container shop-db-1 (network shop_default changed)\n"
        "remove container shop-web-1 (network shop_default changed) after stop of container shop-web-1\n"
        "remove container shop-db-1 (network shop_default changed) after stop of container shop-db-1\n"
        "reach network shop_default unused after removal of container shop-web-1, "
        "removal of container shop-db-1\n"
        "remove network shop_default (configuration changed) after network shop_default unused\n"
        "create network shop_default (configuration changed) after removal of network shop_default\n"
        "create container shop-db-1 (network shop_default changed) after removal of container shop-db-1, "
        "network shop_default\n"
        "create container shop-web-1 (network shop_default changed) after removal of container shop-web-1, "
        "network shop_default\n"
        "reach all containers created after container shop-db-1, container shop-web-1\n"
        "start container shop-db-1 (recreated) after all containers created\n"
        "start container shop-web-1 (recreated) after all containers created\n");
}

TEST(Planner, KeepsAChangedNetworkWhileAnOrphanIsOnIt) {
    compose::Project project = test::project({service("web"), service("old")});
    const ObservedState state = all_up(project);
    project.services.erase("old");
    project.networks.at("default").internal = true;
    const Plan plan = plan_up(project, state, {});
    EXPECT_TRUE(plan.empty());
    EXPECT_THAT(lines(plan.warnings), HasSubstr("stays as it is because of shop-old-1"));
}

TEST(Planner, WarnsOfOrphansAndRemovesThemOnRequestBeforeAnythingStarts) {
    compose::Project project = test::project({service("web"), service("old"), service("debug")});
    ObservedState state = all_up(project);
    state.containers.erase(state.containers.begin() + 2);  // web is not there
    project.disabled_services["debug"] = project.services.at("debug");
    project.services.erase("old");
    project.services.erase("debug");
    const Plan plan = plan_up(project, state, {});
    EXPECT_THAT(plan.warnings,
                ElementsAre(HasSubstr("Found orphan containers (shop-old-1) for this project.")));
    UpOptions options;
    options.ignore_orphans = true;
    EXPECT_TRUE(plan_up(project, state, options).warnings.empty());
    options.ignore_orphans = false;
    options.remove_orphans = true;
    EXPECT_EQ(up_text(project, state, options),
              "stop container shop-old-1 (not in the file)\n"
              "remove container shop-old-1 (not in the file) after stop of container shop-old-1\n"
              "create container shop-web-1 (not there)\n"
              "reach all containers created after removal of container shop-old-1, container shop-web-1\n"
              "start container shop-web-1 (created) after all containers created\n");
}

TEST(Planner, TakesAnExitedOneOffForAnOrphanAndARunningOneNot) {
    const compose::Project project = test::project({service("web")});
    ObservedState state = all_up(project);
    ObservedContainer oneoff = container(project, "web");
    oneoff.oneoff = true;
    oneoff.name = oneoff.id = "shop-web-run-1";
    state.containers.push_back(oneoff);
    EXPECT_THAT(plan_up(project, state, {}).warnings, IsEmpty());
    state.containers.back().status = ContainerStatus::exited;
    EXPECT_THAT(lines(plan_up(project, state, {}).warnings), HasSubstr("shop-web-run-1"));
    EXPECT_TRUE(plan_up(project, state, {}).empty()) << "a one-off is no replica";
}

TEST(Planner, RefusesACycleAsAPathWithItsPlace) {
    compose::Service a = service("a"), b = service("b");
    depend(a, "b");
    depend(b, "a");
    a.positions["depends_on"] = {"compose.yaml", 7, 5};
    const Error error = error_of(test::project({a, b}), {});
    EXPECT_EQ(error.message(), "dependency cycle: a -> b -> a");
    EXPECT_EQ(error.position()->text(), "compose.yaml:7:5");
}

TEST(Planner, RefusesUnknownServicesWithASuggestion) {
    UpOptions options;
    options.services = {"wbe"};
    const Error error = error_of(test::project({service("web")}), {}, options);
    EXPECT_EQ(error.message(), "no such service: wbe");
    EXPECT_EQ(error.hint(), "did you mean \"web\"?");
    UpOptions scaled;
    scaled.scale["wbe"] = 2;
    EXPECT_EQ(error_of(test::project({service("web")}), {}, scaled).message(), "no such service: wbe");
}

TEST(Planner, RefusesMissingExternalNetworksAndVolumesAtTheirPlace) {
    compose::Project project = test::project({service("web")});
    mount_volume(project, "web", "data");
    project.volumes.at("data").external = true;
    project.volumes.at("data").position = {"compose.yaml", 9, 3};
    const Error error = error_of(project, {});
    EXPECT_EQ(error.message(), "external volume \"shop_data\" does not exist");
    EXPECT_EQ(error.position()->text(), "compose.yaml:9:3");
    EXPECT_NE(error.hint(), "");
    ObservedState state;
    state.volumes = {"shop_data"};
    project.networks.at("default").external = true;
    EXPECT_EQ(error_of(project, state).message(), "external network \"shop_default\" does not exist");
    state.external_networks = {"shop_default"};
    EXPECT_EQ(up_text(project, state),
              "create container shop-web-1 (not there)\n"
              "start container shop-web-1 (created) after container shop-web-1\n");
}

TEST(Planner, WarnsOfAVolumeThatSomebodyElseMade) {
    compose::Project project = test::project({service("web")});
    mount_volume(project, "web", "data");
    ObservedState state;
    state.volumes = {"shop_data"};
    const Plan plan = plan_up(project, state, {});
    EXPECT_THAT(lines(plan.warnings), HasSubstr("volume \"shop_data\" was not made by project \"shop\""));
    EXPECT_THAT(plan_text(plan), Not(HasSubstr("create volume")));
}

TEST(Planner, SaysNoServiceSelectedWhenAllAreBehindProfiles) {
    compose::Project project = test::project({});
    project.disabled_services["web"] = service("web");
    EXPECT_EQ(error_of(project, {}).message(), "no service selected");
}

TEST(Planner, RefusesToScaleAServiceWithAContainerName) {
    compose::Service web = service("web");
    web.container_name = "front";
    UpOptions options;
    options.scale["web"] = 2;
    EXPECT_THAT(error_of(test::project({web}), {}, options).message(), HasSubstr("container_name"));
}

TEST(Planner, RefusesAContainerNameThatAnOrphanHolds) {
    compose::Service old = service("old");
    old.container_name = "front";
    compose::Project project = test::project({old});
    const ObservedState state = all_up(project);
    project.services.clear();
    compose::Service web = service("web");
    web.networks["default"];
    web.container_name = "front";
    project.services["web"] = web;
    const Error error = error_of(project, state);
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    EXPECT_THAT(error.hint(), HasSubstr("--remove-orphans"));
    UpOptions options;
    options.remove_orphans = true;
    EXPECT_THAT(up_text(project, state, options),
                HasSubstr("create container front (not there) after removal of container front\n"));
}

TEST(Planner, PlansTenThousandServicesInLinearSpaceAndTime) {
    compose::Project project = test::project({});
    for (int i = 0; i < 10000; ++i) {
        compose::Service one = service(fmt::format("s{:05}", i));
        one.networks["default"];
        if (i > 0) depend(one, fmt::format("s{:05}", i - 1));
        project.services[one.name] = one;
    }
    const std::clock_t begin = std::clock();  // of this process: what others take is not the planner's
    const Plan plan = plan_up(project, {}, {});
    EXPECT_LT(std::clock() - begin, 10 * CLOCKS_PER_SEC);
    EXPECT_EQ(plan.operations.size(), 20002U);
    EXPECT_TRUE(well_formed(plan));
}

TEST(Planner, IsTheSameWhateverTheOrderOfTheRecords) {
    compose::Project project = guestbook();
    project.services.at("web").scale = 3;
    ObservedState state = all_up(project);
    project.services.at("web").environment["A"] = "1";
    project.services.at("redis").environment["A"] = "1";
    const Plan plan = plan_up(project, state, {});
    std::reverse(state.containers.begin(), state.containers.end());
    std::reverse(state.networks.begin(), state.networks.end());
    EXPECT_EQ(plan_up(project, state, {}), plan);
}

TEST(WaitTargets, AreCompletionHealthOrRunningByWhatTheFileSays) {
    compose::Project project = guestbook();
    project.services.at("app").healthcheck = compose::Healthcheck{.test = {"CMD", "true"}};
    project.services.at("web").healthcheck = compose::Healthcheck{.test = {"NONE"}};
    const std::map<std::string, DependencyCondition> expected{
        {"app", DependencyCondition::service_healthy},
        {"migrate", DependencyCondition::service_completed_successfully},
        {"redis", DependencyCondition::service_started},
        {"web", DependencyCondition::service_started}};
    EXPECT_EQ(wait_targets(project, {}), expected);
    EXPECT_EQ(wait_targets(project, {"migrate"}).size(), 2U);
}

}  // namespace
