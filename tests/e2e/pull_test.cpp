// Images from a registry: what `up` fetches and what it leaves alone, `pull`, `push`, and doing without a network. The
// registry is Debian's docker-registry on loopback.
#include "tests/support/registry_server.hpp"
#include "tests/support/stack_test_fixture.hpp"
#include "tests/support/temp_root.hpp"

#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

/// Offers the payload image as `app:1`, and has nothing of it in the store.
class PullTest : public StackTest {
  protected:
    void SetUp() override {
        StackTest::SetUp();
        if (HasFatalFailure() || IsSkipped()) return;
        registry_.emplace(folder_.file("registry"));
        image_ = registry_->host() + "/app:1";
        ASSERT_EQ(run({"image", "tag", "payload", image_}).exit_code, 0);
        const Outcome push = run({"image", "push", image_});
        ASSERT_EQ(push.exit_code, 0) << push.text();
        forget_image();
        stack().compose(file());
    }
    void TearDown() override {
        registry_.reset();
        StackTest::TearDown();
    }

    Outcome run(std::vector<std::string> args) const { return stack().run(std::move(args)); }
    void forget_image() const {
        for (const char* name : {"payload", image_.c_str()})
            static_cast<void>(run({"image", "rm", "-f", name}));
    }
    [[nodiscard]] std::string file(const std::string& more = {}) const {
        return fmt::format("services:\n  web:\n    image: {}\n    command: [stack-payload, sleep]\n{}",
                           image_, more);
    }
    /// How often the registry was asked for anything of the image.
    [[nodiscard]] std::size_t requests() const { return registry_->requests("/v2/app/"); }

    TempDir folder_;  // apart from what is looked through for traces of the project
    std::optional<RegistryServer> registry_;
    std::string image_;
};

class Pull : public PullTest {};
class Push : public PullTest {};
class UpFromRegistry : public PullTest {};

TEST_F(UpFromRegistry, FetchesTheImageOnceAndAsksNoMore) {
    const Outcome first = run({"up", "-d"});
    EXPECT_EXIT_CODE(first, 0);
    EXPECT_THAT(first.err, HasSubstr(fmt::format(" Image {}  Pulling\n Image {}  Pulled  ", image_, image_)));
    EXPECT_EQ(container("web").value("State", ""), "running");
    const std::size_t before = requests();
    const Outcome second = run({"up", "-d"});
    EXPECT_EXIT_CODE(second, 0);
    EXPECT_THAT(second.err, Not(HasSubstr("Image")));
    EXPECT_EQ(requests(), before);
}

TEST_F(UpFromRegistry, AsksOnceForAnImageThatIsAlwaysToBeAskedFor) {
    const Outcome first = run({"up", "-d", "--quiet-pull"});
    EXPECT_EXIT_CODE(first, 0);
    EXPECT_THAT(first.err, Not(HasSubstr("Image")));
    const std::size_t before = requests();
    const Outcome outcome = run({"up", "-d", "--pull", "always"});
    EXPECT_EXIT_CODE(outcome, 0);
    EXPECT_THAT(outcome.err, HasSubstr("Pulled  up to date"));
    EXPECT_THAT(outcome.err, Not(HasSubstr("Recreate")));
    EXPECT_EQ(requests(), before + 1) << registry_->log();
    stack().compose(file("    pull_policy: always\n"));
    EXPECT_EXIT_CODE(run({"up", "-d"}), 0);
    EXPECT_EQ(requests(), before + 2) << registry_->log();
}

TEST_F(UpFromRegistry, PlansANewContainerWhenTheRegistryHasANewImage) {
    ASSERT_EQ(run({"up", "-d"}).exit_code, 0);
    static_cast<void>(registry_->push_files("app", "1", {"another image"}));
    const Outcome same = run({"up", "--dry-run", "--pull", "always"});
    EXPECT_THAT(same.out, HasSubstr(fmt::format("DRY-RUN MODE - pull image {} (pull_policy always) for web\n",
                                                image_)));
    EXPECT_THAT(same.out, Not(HasSubstr("container")));
    EXPECT_EXIT_CODE(run({"pull"}), 0);
    EXPECT_THAT(run({"up", "--dry-run"}).out, HasSubstr("image changed"));
}

TEST_F(UpFromRegistry, StaysOfflineAndSaysWhatIsMissingWhere) {
    const std::size_t before = requests();
    for (const bool by_variable : {false, true}) {
        Invocation up;
        up.args = {"up", "-d"};
        if (by_variable)
            up.env["STACK_OFFLINE"] = "1";
        else
            up.args.insert(up.args.begin(), "--offline");
        const Outcome outcome = stack().run(up);
        EXPECT_EXIT_CODE(outcome, 1);
        EXPECT_THAT(outcome.err, HasSubstr("error: service \"web\"\n"));
        EXPECT_THAT(outcome.err, HasSubstr("is not in the store, and nothing is to be fetched (--offline)\n"
                                           "compose.yaml:3:12\n"));
        EXPECT_THAT(outcome.err, HasSubstr("hint: fetch it while there is a network"));
    }
    EXPECT_THAT(run({"--offline", "image", "pull", image_}).err,
                HasSubstr("pull needs a registry, and none is to be asked"));
    EXPECT_EQ(requests(), before);
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(UpFromRegistry, StartsNothingWhenAnImageIsNotThere) {
    stack().compose(file("  db:\n    image: " + registry_->host() + "/none:1\n"));
    const Outcome outcome = run({"up", "-d"});
    EXPECT_EXIT_CODE(outcome, 1);
    EXPECT_THAT(outcome.err, HasSubstr("error: service \"db\"\n  cannot pull image \"" + registry_->host() +
                                       "/none:1\"\n"));
    EXPECT_THAT(outcome.err, HasSubstr("compose.yaml:6:12\n"));
    EXPECT_TRUE(nothing_was_created());
}

TEST_F(Pull, FetchesAndTellsTheImagesOfContainers) {
    const Outcome pull = run({"pull"});
    EXPECT_EXIT_CODE(pull, 0);
    EXPECT_THAT(pull.err, HasSubstr(" Image " + image_ + "  Pulled"));
    const std::size_t before = requests();
    EXPECT_THAT(run({"pull", "--policy", "missing"}).err, Not(HasSubstr("Image")));
    EXPECT_EQ(requests(), before);
    ASSERT_EQ(run({"up", "-d"}).exit_code, 0);
    const json images = json::parse(run({"images", "--format", "json"}).out);
    ASSERT_EQ(images.size(), 1u);
    EXPECT_EQ(images[0].value("ContainerName", ""), stack().container("web"));
    EXPECT_EQ(images[0].value("Repository", ""), registry_->host() + "/app");
    EXPECT_THAT(run({"images", "-q"}).out, MatchesRegex("[0-9a-f]{64}\n"));
    EXPECT_THAT(run({"images"}).out, HasSubstr("PLATFORM"));
}

TEST_F(Pull, PassesOverWhatIsNotToBePulledAndWarnsOfWhatCanBeBuilt) {
    stack().compose(file("    pull_policy: never\n") +
                    "  own:\n    build: .\n    image: " + registry_->host() + "/own:1\n");
    const Outcome outcome = run({"pull"});
    EXPECT_EXIT_CODE(outcome, 0);
    EXPECT_THAT(outcome.err, HasSubstr(" Service web  Skipped  pull_policy never\n"));
    EXPECT_THAT(outcome.err, HasSubstr("warning: cannot pull image"));
    EXPECT_THAT(run({"pull", "--ignore-buildable"}).err, HasSubstr("Service own  Skipped  can be built"));
}

TEST_F(Pull, IsOneImageOrSeveral) {
    const Outcome outcome = run({"image", "pull", image_, registry_->host() + "/none:1"});
    EXPECT_EXIT_CODE(outcome, 1);
    EXPECT_EQ(outcome.out, image_ + "\n");
    EXPECT_THAT(outcome.err, HasSubstr("none:1\""));
}

TEST_F(Pull, ReadsTheUsersSettings) {
    // The name is nobody's: it is answered by the mirror alone.
    const std::string home = stack().dirs().dir().file("home");
    stack().dirs().dir().write(
        "home/.config/stack/config.yaml",
        fmt::format("registries:\n  registry.invalid:\n    mirrors: [\"http://{}\"]\n", registry_->host()));
    Invocation pull;
    pull.args = {"image", "pull", "registry.invalid/app:1"};
    pull.env["HOME"] = home;
    EXPECT_EXIT_CODE(stack().run(pull), 0);
    stack().dirs().dir().write("home/.config/stack/config.yaml", "registries:\n  a.io: {insecur: true}\n");
    const Outcome broken = stack().run(pull);
    EXPECT_EXIT_CODE(broken, 1);
    EXPECT_THAT(broken.err, HasSubstr("config.yaml:2:10: error: unknown key \"insecur\""));
    EXPECT_THAT(broken.err, HasSubstr("did you mean \"insecure\"?"));
}

TEST_F(Push, SendsTheImagesOfNamedServicesAlone) {
    ASSERT_EQ(run({"pull"}).exit_code, 0);
    const Outcome none = run({"push"});
    EXPECT_EXIT_CODE(none, 0);
    EXPECT_THAT(none.err, HasSubstr("no image to push"));
    const Outcome named = run({"push", "web"});
    EXPECT_EXIT_CODE(named, 0);
    EXPECT_THAT(named.err, HasSubstr(" Image " + image_ + "  Pushed"));
}

}  // namespace
}  // namespace stack::test
