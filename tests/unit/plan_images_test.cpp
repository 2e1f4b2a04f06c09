// Which images are fetched before an `up`: every policy against every state of the store.
#include "manager/plan/plan_images.hpp"

#include "tests/unit/plan_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::plan {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::chrono::system_clock::time_point kNow{1'767'000'000s};

compose::Service with_policy(const std::string& policy) {
    compose::Service service = test::service("web");
    service.image = "nginx:1";
    service.pull_policy = policy;
    service.positions["image"] = {"compose.yaml", 4, 12};
    return service;
}

ImagePlan planned(const compose::Service& service, const KnownImages& known, ImageOptions options = {}) {
    options.now = kNow;
    return plan_images(test::project({service}), {}, known, options);
}

/// "-": used as it is; "error"; "ask" or "fetch" with its cause.
std::string fate(const compose::Service& service, const KnownImages& known,
                 const ImageOptions& options = {}) {
    const ImagePlan plan = planned(service, known, options);
    if (!plan.errors.empty()) return "error";
    if (plan.pulls.empty()) return "-";
    return fmt::format("{} ({})", plan.pulls[0].must_ask ? "ask" : "fetch", plan.pulls[0].cause);
}

TEST(PlanImages, FollowsThePolicyOfTheService) {
    struct Row {
        const char* policy;
        const char *absent, *new_here, *old_here;  // fetched an hour ago, fetched eight days ago
    };
    const Row rows[] = {
        {"", "fetch (not there)", "-", "-"},
        {"missing", "fetch (not there)", "-", "-"},
        {"if_not_present", "fetch (not there)", "-", "-"},
        {"always", "ask (not there)", "ask (pull_policy always)", "ask (pull_policy always)"},
        {"never", "error", "-", "-"},
        {"build", "error", "-", "-"},
        {"daily", "fetch (not there)", "-", "ask (fetched 192h0m0s ago)"},
        {"weekly", "fetch (not there)", "-", "ask (fetched 192h0m0s ago)"},
        {"every_2w", "fetch (not there)", "-", "-"},
        {"every_30m", "fetch (not there)", "ask (fetched 1h0m0s ago)", "ask (fetched 192h0m0s ago)"},
        {"refresh", "ask (not there)", "ask (pull_policy refresh)", "ask (pull_policy refresh)"},
    };
    for (const Row& row : rows) {
        const compose::Service service = with_policy(row.policy);
        EXPECT_EQ(fate(service, {}), row.absent) << row.policy;
        EXPECT_EQ(fate(service, {{"nginx:1", kNow - 1h}}), row.new_here) << row.policy;
        EXPECT_EQ(fate(service, {{"nginx:1", kNow - 8 * 24h}}), row.old_here) << row.policy;
    }
}

TEST(PlanImages, RefreshesAfterTheTimeThatTheServiceNames) {
    compose::Service service = with_policy("refresh");
    service.pull_refresh_after = 12h;
    EXPECT_EQ(fate(service, {{"nginx:1", kNow - 11h}}), "-");
    EXPECT_EQ(fate(service, {{"nginx:1", kNow - 12h}}), "ask (fetched 12h0m0s ago)");
}

TEST(PlanImages, AsksWhenNobodyKnowsHowOldAnImageIs) {
    EXPECT_EQ(fate(with_policy("daily"), {{"nginx:1", std::nullopt}}), "ask (nobody knows how old it is)");
}

TEST(PlanImages, LetsTheCommandDecideInstead) {
    const KnownImages here{{"nginx:1", kNow}};
    EXPECT_EQ(fate(with_policy("never"), here, {.policy = "always"}), "ask (pull_policy always)");
    EXPECT_EQ(fate(with_policy("always"), here, {.policy = "missing"}), "-");
    EXPECT_EQ(fate(with_policy(""), {}, {.policy = "never"}), "error");
}

TEST(PlanImages, NeverAsksForWhatADigestNames) {
    compose::Service service = with_policy("always");
    service.image = "nginx@sha256:" + std::string(64, 'a');
    EXPECT_EQ(fate(service, {{service.image, kNow - 900 * 24h}}), "-");
    EXPECT_EQ(fate(service, {}), "ask (not there)");
}

TEST(PlanImages, StaysOffline) {
    const ImageOptions offline{.offline = true};
    EXPECT_EQ(fate(with_policy("always"), {{"nginx:1", kNow - 900 * 24h}}, offline), "-");
    const ImagePlan plan = planned(with_policy(""), {}, offline);
    ASSERT_EQ(plan.errors.size(), 1u);
    const Error& error = plan.errors[0];
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_THAT(error.what(), HasSubstr("service \"web\": image 'nginx:1' is not in the store"));
    EXPECT_THAT(error.what(), HasSubstr("--offline"));
    ASSERT_TRUE(error.position());
    EXPECT_EQ(error.position()->text(), "compose.yaml:4:12");
}

TEST(PlanImages, FetchesAnImageOnceForAllItsServices) {
    compose::Project project = test::project({test::service("a"), test::service("b"), test::service("c")});
    for (auto& [name, service] : project.services) service.image = "nginx:1";
    project.services["b"].pull_policy = "always";
    project.services["c"].platform = "linux/arm64";
    const ImagePlan plan = plan_images(project, {}, {}, {.now = kNow});
    EXPECT_EQ(image_plan_text(plan),
              "pull image nginx:1 (not there) for a, b\n"
              "pull image nginx:1 (not there) for c\n");
    EXPECT_TRUE(plan.pulls[0].must_ask);
    EXPECT_EQ(plan.pulls[1].platform, "linux/arm64");
}

TEST(PlanImages, LooksAtTheServicesThatTakePart) {
    compose::Project project = test::project({test::service("a"), test::service("b")});
    EXPECT_THAT(image_names(project, {"b"}), ElementsAre("b:1"));
    EXPECT_EQ(image_plan_text(plan_images(project, {"b"}, {}, {.now = kNow})),
              "pull image b:1 (not there) for b\n");
    project.services["a"].image.clear();
    EXPECT_THAT(image_names(project, {}), ElementsAre("b:1"));
    EXPECT_THAT(plan_images(project, {"a"}, {}, {.now = kNow}).pulls, IsEmpty());
}

TEST(ServiceHash, DoesNotDependOnHowTheImageIsFetched) {
    compose::Service service = test::service("web");
    const std::string before = service_hash(service);
    service.pull_policy = "always";
    service.pull_refresh_after = 1h;
    service.buildable = true;
    EXPECT_EQ(service_hash(service), before);
}

}  // namespace
}  // namespace stack::plan
