// The supervisor against a model of a host: whole operations in milliseconds.
#include "manager/supervisor/supervisor.hpp"

#include "runtime/base/error.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/temp_root.hpp"

#include <gtest/gtest.h>

namespace stack::supervisor {
namespace {

using compose::DependencyCondition;

compose::Service service(const std::string& name) {
    compose::Service result;
    result.name = name;
    result.image = "payload";
    result.command = std::vector<std::string>{"run"};
    result.networks["default"] = {};
    return result;
}

compose::Project project_of(std::vector<compose::Service> services) {
    compose::Project project;
    project.name = "shop";
    compose::Network network;
    network.key = "default";
    network.name = "shop_default";
    project.networks["default"] = network;
    for (compose::Service& one : services) project.services[one.name] = std::move(one);
    return project;
}

class SupervisorTest : public testing::Test {
  public:  // coroutines without captures reach in
    SupervisorTest() {
        paths_.data_root = root_.root();
        paths_.run_root = root_.run_root();
        engine_.emplace(loop_, paths_, "shop");
        supervisor_.emplace(loop_, paths_, "shop", *engine_, Log::to_nowhere());
    }

    control::UpRequest up_request(compose::Project project) {
        control::UpRequest request;
        request.project = std::move(project);
        return request;
    }

    // Runs `work` beside the supervisor's timers.
    template <class Work>
    void run(Work work) {
        auto body = [](SupervisorTest* self, Work* todo) -> Task<> {
            TaskGroup timers{self->loop_};
            timers.spawn(self->supervisor_->run_timers());
            std::exception_ptr error;
            try {
                co_await (*todo)();
            } catch (...) {
                error = std::current_exception();
            }
            timers.cancel();
            co_await timers.join();
            co_await self->supervisor_->shut_down();
            if (error) std::rethrow_exception(error);
        };
        loop_.run(body(this, &work));
    }

    control::ResultEvent up(compose::Project project) {
        control::ResultEvent result;
        auto request = up_request(std::move(project));
        run([&]() -> Task<> { result = co_await supervisor_->up(std::move(request), sink()); });
        return result;
    }

    EventSink sink() {
        return [this](const control::StreamEvent& event) {
            if (const auto* progress = std::get_if<control::ProgressEvent>(&event))
                words_.push_back(progress->resource + " " + progress->status);
        };
    }

    static std::string only_error(const control::ResultEvent& result) {
        return result.errors.size() == 1 ? result.errors.front().message() : "(not one error)";
    }

    test::TempRoot root_;
    engine::Paths paths_;
    EventLoop loop_;
    std::optional<test::FakeEngine> engine_;
    std::optional<Supervisor> supervisor_;
    std::vector<std::string> words_;
};

TEST_F(SupervisorTest, CreatesEveryContainerBeforeItStartsAny) {
    compose::Service web = service("web");
    web.depends_on["db"] = {};
    const auto result = up(project_of({web, service("db")}));
    EXPECT_TRUE(result.ok);
    EXPECT_LT(engine_->position("create shop-web-1"), engine_->position("launch shop-db-1"));
    EXPECT_LT(engine_->position("launch shop-db-1"), engine_->position("launch shop-web-1"));
}

TEST_F(SupervisorTest, StartsADependantOnceItsDependencyIsHealthy) {
    compose::Service db = service("db"), web = service("web");
    db.healthcheck.emplace();
    db.healthcheck->test = {"CMD", "check"};
    db.healthcheck->interval = std::chrono::milliseconds{5};
    web.depends_on["db"] = compose::Dependency{DependencyCondition::service_healthy, false, true};
    const auto result = up(project_of({web, db}));
    EXPECT_TRUE(result.ok);
    EXPECT_TRUE(engine_->runs("shop-web-1"));
}

TEST_F(SupervisorTest, FailsWhenADependencyTurnsUnhealthyAndLeavesTheDependantCreated) {
    compose::Service db = service("db"), web = service("web");
    db.healthcheck.emplace();
    db.healthcheck->test = {"CMD", "check"};
    db.healthcheck->interval = std::chrono::milliseconds{2};
    db.healthcheck->retries = 2;
    web.depends_on["db"] = compose::Dependency{DependencyCondition::service_healthy, false, true};
    engine_->probe_codes["db"] = 1;
    const auto result = up(project_of({web, db}));
    EXPECT_FALSE(result.ok);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(only_error(result), "dependency failed to start: container shop-db-1 is unhealthy");
    EXPECT_FALSE(engine_->runs("shop-web-1"));
    EXPECT_TRUE(engine_->runs("shop-db-1"));
}

TEST_F(SupervisorTest, WaitsForAOneShotServiceToCompleteBeforeItsDependant) {
    compose::Service migrate = service("migrate"), web = service("web");
    web.depends_on["migrate"] =
        compose::Dependency{DependencyCondition::service_completed_successfully, false, true};
    engine_->exits_at_once.insert("migrate");
    EXPECT_TRUE(up(project_of({web, migrate})).ok);
    EXPECT_TRUE(engine_->runs("shop-web-1"));
    EXPECT_FALSE(engine_->runs("shop-migrate-1"));
}

TEST_F(SupervisorTest, SaysWhichServiceDidNotCompleteAndWithWhatCode) {
    compose::Service migrate = service("migrate"), web = service("web");
    web.depends_on["migrate"] =
        compose::Dependency{DependencyCondition::service_completed_successfully, false, true};
    engine_->exits_at_once.insert("migrate");
    engine_->exit_codes["migrate"] = 3;
    EXPECT_EQ(only_error(up(project_of({web, migrate}))),
              "dependency failed to start: service \"migrate\" didn't complete successfully: exit 3");
}

TEST_F(SupervisorTest, AnUnchangedProjectIsLeftAlone) {
    const compose::Project project = project_of({service("web")});
    EXPECT_TRUE(up(project).ok);
    engine_->journal.clear();
    EXPECT_TRUE(up(project).ok);
    EXPECT_TRUE(engine_->journal.empty());
    EXPECT_NE(std::find(words_.begin(), words_.end(), "Container shop-web-1 Running"), words_.end());
}

TEST_F(SupervisorTest, RecreatesOnlyTheServiceWhoseEnvironmentChanged) {
    compose::Project project = project_of({service("web"), service("db")});
    EXPECT_TRUE(up(project).ok);
    project.services["web"].environment["MODE"] = "fast";
    engine_->journal.clear();
    EXPECT_TRUE(up(project).ok);
    EXPECT_EQ(engine_->launches("shop-web-1"), 1u);
    EXPECT_EQ(engine_->launches("shop-db-1"), 0u);
    EXPECT_LT(engine_->position("signal shop-web-1 15"), engine_->position("remove shop-web-1"));
}

TEST_F(SupervisorTest, RestartsAContainerByItsPolicyWithBackOff) {
    compose::Service web = service("web");
    web.restart.kind = compose::RestartPolicy::Kind::on_failure;
    web.restart.max_attempts = 2;
    engine_->exits_at_once.insert("web");
    engine_->exit_codes["web"] = 1;
    auto request = up_request(project_of({web}));
    run([&]() -> Task<> {
        static_cast<void>(co_await supervisor_->up(std::move(request), sink()));
        while (!supervisor_->idle()) co_await supervisor_->changed().wait();
    });
    EXPECT_EQ(engine_->launches("shop-web-1"), 3u);
}

TEST_F(SupervisorTest, StopsDependantsBeforeTheirDependencies) {
    compose::Service web = service("web");
    web.depends_on["db"] = {};
    EXPECT_TRUE(up(project_of({web, service("db")})).ok);
    control::ResultEvent result;
    run([&]() -> Task<> {
        control::SelectRequest request;
        result = co_await supervisor_->stop(std::move(request), sink());
    });
    EXPECT_TRUE(result.ok);
    EXPECT_LT(engine_->position("signal shop-web-1 15"), engine_->position("signal shop-db-1 15"));
}

TEST_F(SupervisorTest, KillsWhatOutlivesItsGracePeriod) {
    engine_->ignores_term.insert("web");
    EXPECT_TRUE(up(project_of({service("web")})).ok);
    run([&]() -> Task<> {
        control::SelectRequest request;
        request.options.timeout = std::chrono::milliseconds{20};
        static_cast<void>(co_await supervisor_->stop(std::move(request), sink()));
    });
    EXPECT_LT(engine_->position("signal shop-web-1 15"), engine_->position("kill shop-web-1"));
    EXPECT_FALSE(engine_->runs("shop-web-1"));
}

TEST_F(SupervisorTest, AStopInterruptsAnUpThatWaits) {
    compose::Service db = service("db"), web = service("web");
    db.healthcheck.emplace();
    db.healthcheck->test = {"CMD", "check"};
    db.healthcheck->interval = std::chrono::hours{1};
    web.depends_on["db"] = compose::Dependency{DependencyCondition::service_healthy, false, true};
    control::ResultEvent up_result, stop_result;
    auto request = up_request(project_of({web, db}));
    run([&]() -> Task<> {
        TaskGroup group{loop_};
        auto starting = [](SupervisorTest* self, control::UpRequest* what,
                           control::ResultEvent* out) -> Task<> {
            *out = co_await self->supervisor_->up(std::move(*what), self->sink());
        };
        group.spawn(starting(this, &request, &up_result));
        while (!engine_->runs("shop-db-1")) co_await sleep_for(std::chrono::milliseconds{1});
        control::SelectRequest stop;
        stop_result = co_await supervisor_->stop(std::move(stop), sink());
        co_await group.join();
    });
    EXPECT_TRUE(stop_result.ok);
    EXPECT_FALSE(up_result.ok);
    EXPECT_FALSE(engine_->runs("shop-db-1"));
}

TEST_F(SupervisorTest, DownLeavesNoRecordAndNoNetwork) {
    EXPECT_TRUE(up(project_of({service("web")})).ok);
    run([&]() -> Task<> {
        control::DownRequest request;
        static_cast<void>(co_await supervisor_->down(std::move(request), sink()));
    });
    EXPECT_TRUE(supervisor_->nothing_left());
    EXPECT_TRUE(engine::load_project_state(paths_, "shop").containers.empty());
    EXPECT_NE(engine_->position("remove network shop_default"), engine_->journal.size());
}

TEST_F(SupervisorTest, AFailedLaunchNamesServiceAndContainer) {
    engine_->cannot_launch.insert("web");
    const auto result = up(project_of({service("web")}));
    ASSERT_EQ(result.errors.size(), 1u);
    EXPECT_STREQ(
        result.errors[0].what(),
        "cannot start service \"web\": container shop-web-1: exec: \"missing\": no such file or directory in "
        "the image");
}

TEST_F(SupervisorTest, ReportsEveryErrorOfTheCheckAndCreatesNothing) {
    engine_->check_errors = {Error{ErrorKind::conflict, "port"}, Error{ErrorKind::not_found, "image"}};
    const auto result = up(project_of({service("web")}));
    EXPECT_EQ(result.errors.size(), 2u);
    EXPECT_TRUE(engine_->journal.empty());
    EXPECT_TRUE(supervisor_->nothing_left());
}

TEST_F(SupervisorTest, TheNextSupervisorAdoptsWhatRuns) {
    const compose::Project project = project_of({service("web")});
    EXPECT_TRUE(up(project).ok);
    supervisor_.reset();
    supervisor_.emplace(loop_, paths_, "shop", *engine_, Log::to_nowhere());
    supervisor_->adopt();
    engine_->journal.clear();
    EXPECT_FALSE(supervisor_->idle());
}

}  // namespace
}  // namespace stack::supervisor
