// Volumes, binds, tmpfs, secrets and configs: what stays, what goes, who may write.
#include "tests/support/eventually.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::HasSubstr;

class Volumes : public StackTest {};

constexpr const char* kCounter = R"(
services:
  counter:
    image: payload
    command: [sh, -c, 'echo up >> /data/starts; wc -l < /data/starts; stack-payload sleep']
    volumes: [data:/data]
volumes: {data: }
)";

TEST_F(Volumes, SurviveDownAndNotDownWithVolumes) {
    up(kCounter);
    EXPECT_TRUE(eventually([&] { return logs("counter") == "1\n"; })) << logs("counter");
    EXPECT_EXIT_CODE(stack().run({"down", "-t", "5"}), 0);
    up(kCounter);
    EXPECT_TRUE(eventually([&] { return logs("counter") == "2\n"; })) << logs("counter");
    EXPECT_EXIT_CODE(stack().run({"down", "-v", "-t", "5"}), 0);
    up(kCounter);
    EXPECT_TRUE(eventually([&] { return logs("counter") == "1\n"; })) << logs("counter");
}

TEST_F(Volumes, BindsShowTheHostsFilesReadOnlyWhenAsked) {
    stack().write("data/file", "from the host\n");
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    volumes: ["./data:/data:ro", "./data:/writable"]
)");
    EXPECT_EQ(exec("web", {"cat", "/data/file"}).out, "from the host\n");
    EXPECT_NE(exec("web", {"sh", "-c", "echo x > /data/file"}).exit_code, 0);
    EXPECT_EXIT_CODE(exec("web", {"sh", "-c", "echo changed > /writable/file"}), 0);
    EXPECT_EQ(exec("web", {"cat", "/data/file"}).out, "changed\n");
}

TEST_F(Volumes, TmpfsIsEmptyAndBounded) {
    up(R"(
services:
  web: {image: payload, command: [stack-payload, sleep], tmpfs: ["/scratch:size=1m"]}
)");
    EXPECT_THAT(exec("web", {"grep", "/scratch", "/proc/mounts"}).out, HasSubstr("tmpfs"));
    EXPECT_NE(exec("web", {"dd", "if=/dev/zero", "of=/scratch/big", "bs=1k", "count=2048"}).exit_code, 0);
}

TEST_F(Volumes, SecretsAndConfigsAreFilesInside) {
    stack().write("password.txt", "swordfish", 0600);
    stack().write("app.conf", "mode = test\n");
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    secrets: [password]
    configs: [{source: app, target: /etc/app.conf}]
secrets: {password: {file: ./password.txt}}
configs: {app: {file: ./app.conf}}
)");
    EXPECT_EQ(exec("web", {"cat", "/run/secrets/password"}).out, "swordfish");
    EXPECT_EQ(exec("web", {"cat", "/etc/app.conf"}).out, "mode = test\n");
}

}  // namespace
}  // namespace stack::test
