// What a user has to do with a registry by hand: logging in and out, and stopping a pull half-way. The registry is
// Debian's docker-registry on loopback.
#include "runtime/base/path_at.hpp"
#include "tests/support/cutting_proxy.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/stack_test_fixture.hpp"
#include "tests/support/temp_root.hpp"

#include <sys/stat.h>

#include <optional>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RegistryTest : public StackTest {
  protected:
    void serve(RegistryOptions options = {}) { registry_.emplace(folder_.file("registry"), options); }
    void TearDown() override {
        registry_.reset();
        StackTest::TearDown();
    }
    Outcome run(std::vector<std::string> args, std::string input = {}) const {
        return stack().run(invocation(std::move(args), std::move(input)));
    }
    [[nodiscard]] Invocation invocation(std::vector<std::string> args, std::string input = {}) const {
        Invocation command;
        command.args = std::move(args);
        command.input = std::move(input);
        command.env["HOME"] = folder_.file("home");
        return command;
    }

    TempDir folder_;  // apart from what is looked through for traces of the project
    std::optional<RegistryServer> registry_;
};

class Login : public RegistryTest {};
class InterruptedPull : public RegistryTest {};

TEST_F(Login, OpensTheRegistryUntilLogout) {
    RegistryOptions options;
    options.user = "user";
    options.password = "secret";
    serve(options);
    const std::string image = registry_->host() + "/app:1", config = folder_.file("home/.docker/config.json");
    ASSERT_EQ(run({"image", "tag", "payload", image}).exit_code, 0);
    const Outcome closed = run({"image", "push", image});
    EXPECT_EXIT_CODE(closed, 1);
    EXPECT_THAT(closed.err, HasSubstr("stack login " + registry_->host()));

    const Outcome wrong = run({"login", "-u", "user", "--password-stdin", registry_->host()}, "guess\n");
    EXPECT_NE(wrong.exit_code, 0);
    EXPECT_THAT(wrong.err, HasSubstr("refuses user 'user' with this password"));
    EXPECT_FALSE(path_exists(config)) << "nothing was kept";

    const Outcome right = run({"login", "-u", "user", "--password-stdin", registry_->host()}, "secret\n");
    EXPECT_EXIT_CODE(right, 0);
    struct stat info {};
    ASSERT_EQ(::stat(config.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u);
    EXPECT_THAT(right.text(), Not(HasSubstr("secret")));
    EXPECT_EXIT_CODE(run({"image", "push", image}), 0);

    EXPECT_EXIT_CODE(run({"logout", registry_->host()}), 0);
    EXPECT_EXIT_CODE(run({"image", "push", image}), 1);
}

// A layer that does not fit into the buffers on its way, so that a held connection is in the middle of it.
std::string eight_megabytes_of_noise() {
    std::mt19937 random{1};
    std::string text(std::size_t{8} << 20, '\0');
    for (char& byte : text) byte = static_cast<char>(random());
    return text;
}

TEST_F(InterruptedPull, LeavesAStoreThatGoesOnWhereItWas) {
    serve();
    static_cast<void>(registry_->push_files("big", "1", {eight_megabytes_of_noise()}));
    CuttingProxy proxy{registry_->port()};
    proxy.hold_after(std::uint64_t{3} << 20);
    const std::string image = proxy.host() + "/big:1";
    Invocation command = invocation({"image", "pull", image});
    command.terminal = true;
    RunningStack pull = stack().start(command);
    ASSERT_TRUE(proxy.wait_until_held()) << pull.out_so_far();
    ASSERT_TRUE(pull.prints("MB"));
    pull.type("\x03");
    const Outcome stopped = pull.wait();
    EXPECT_EXIT_CODE(stopped, 130);
    EXPECT_EQ(stack().processes("stack-image"), std::vector<int>{}) << "its workers have gone with it";
    EXPECT_THAT(run({"image", "ls"}).out, Not(HasSubstr("big")));

    proxy.release();
    EXPECT_EXIT_CODE(run({"image", "pull", image}), 0);
    // The registry writes down what it has served, which may be after the last byte has arrived.
    EXPECT_TRUE(eventually([&] { return registry_->requests("HTTP/1.1\" 206") == 1; }))
        << "the rest and no more\n"
        << registry_->log();
    EXPECT_THAT(run({"image", "ls"}).out, HasSubstr("big"));
}

}  // namespace
}  // namespace stack::test
