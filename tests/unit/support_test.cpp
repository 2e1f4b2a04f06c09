// The support code itself: a leak check that notices nothing would make every other test worthless.
#include "runtime/base/child_process.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/temp_root.hpp"

#include <signal.h>
#include <unistd.h>

#include <string>

#include <gmock/gmock.h>

namespace stack::test {
namespace {

ProcessHandle sleeper(const std::string& mark) {
    SpawnOptions options;
    options.argv = {"/bin/sleep", "100"};
    options.env = {"MARK=" + mark};
    options.fds = {-1, -1, -1};
    return spawn(options);
}

TEST(LeakCheck, NoticesAProcessThatNamesTheDirectory) {
    const TempDir dir;
    const HostSnapshot before = HostSnapshot::take({dir.path(), "none"});
    const ProcessHandle left = sleeper(dir.path() + "/root");
    const std::vector<std::string> added = before.added_in(HostSnapshot::take({dir.path(), "none"}));
    left.signal(SIGKILL);
    wait_for_exit(left);
    EXPECT_THAT(added, ::testing::ElementsAre("process " + std::to_string(left.pid()) + " sleep"));
}

TEST(LeakCheck, IsCleanOnceTheProcessIsGone) {
    const TempDir dir;
    const LeakCheck leaks{{dir.path(), "none"}};
    const ProcessHandle process = sleeper(dir.path());
    process.signal(SIGKILL);
    wait_for_exit(process);
    EXPECT_TRUE(leaks.clean());
}

TEST(HostSnapshot, ShowsOwnersModesAndNumbersOfDevices) {
    EXPECT_THAT(HostSnapshot::take().text(), testing::HasSubstr("device /dev/null 20666 0:0 1:3\n"));
}

TEST(TempDir, IsRemovedWithItsContent) {
    std::string path;
    {
        const TempDir dir;
        path = dir.path();
        dir.write("a/b/c", "text", 0400);
        EXPECT_EQ(read_file(path + "/a/b/c"), "text");
    }
    EXPECT_FALSE(path_exists(path));
}

TEST(Eventually, GivesUpAtItsLimit) {
    EXPECT_FALSE(eventually([] { return false; }, std::chrono::milliseconds{5}));
    int calls = 0;
    EXPECT_TRUE(eventually([&] { return ++calls == 3; }));
}

TEST(HttpGet, SaysThatNobodyListens) {
    const SilentPort port;
    const HttpAnswer answer = http_get("127.0.0.1", port.number());
    EXPECT_EQ(answer.status, 0);
    EXPECT_EQ(answer.error, "connect: Connection refused (ECONNREFUSED)");
}

}  // namespace
}  // namespace stack::test
