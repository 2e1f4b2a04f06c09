// create, start, run, kill, delete: what callers build on, word for word where they read the words.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;

class OciLife : public OciTest {};

TEST_F(OciLife, GoesFromCreatedToStopped) {
    const std::string pid_file = dir().file("pid");
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}), "--pid-file", pid_file, "one"});
    EXPECT_EQ(status("one"), "created");
    EXPECT_EQ(read_file(pid_file), state("one")["pid"].dump());
    must({"start", "one"});
    EXPECT_EQ(status("one"), "running");
    ASSERT_TRUE(comes_to_catch("one", SIGTERM));
    must({"kill", "one"});
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_EQ(state("one")["pid"], 0);
    must({"delete", "one"});
    EXPECT_EQ(refusal({"state", "one"}), "container \"one\": container does not exist");
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciLife, TellsItsState) {
    start_sleeping("one", R"({"annotations": {"org.example.key": "value"}})");
    json state = this->state("one");
    EXPECT_GT(state["pid"], 1);
    EXPECT_THAT(state["created"], EndsWith("Z"));
    for (const char* key : {"pid", "created"}) state.erase(key);
    EXPECT_EQ(state, (json{{"ociVersion", "1.3.0"},
                           {"id", "one"},
                           {"status", "running"},
                           {"bundle", dir().file("bundle0")},
                           {"rootfs", image()},
                           {"annotations", {{"org.example.key", "value"}}},
                           {"owner", "root"}}));
}

// An upgrade removes the file of a program that somebody has just started; it must know its protected self all the same.
TEST_F(OciLife, RunsThoughItsOwnFileIsGone) {
    const std::string copy = dir().file("stack-runtime");
    fs::copy_file(program(), copy);
    const UniqueFd file{::open(copy.c_str(), O_RDONLY | O_CLOEXEC)};
    fs::remove(copy);
    OciCall run{{"run", "--bundle", bundle({"stack-payload", "exit", "7"}), "one"}};
    run.program = fmt::format("/proc/{}/fd/{}", ::getpid(), file.get());
    const OciResult result = call(run);
    EXPECT_EQ(result.code, 7) << result.err;
}

TEST_F(OciLife, StartsExactlyOnce) {
    start_sleeping("one");
    EXPECT_EQ(refusal({"start", "one"}), "cannot start an already running container");
    must({"kill", "one", "KILL"});
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_EQ(refusal({"start", "one"}), "cannot start a container that has stopped");
    EXPECT_THAT(refusal({"start", "two"}), HasSubstr("container does not exist"));
}

TEST_F(OciLife, StartsOnceHoweverManyAskAtOnce) {
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}), "one"});
    std::vector<OciCommand> starters;
    starters.reserve(6);
    for (int i = 0; i < 6; ++i) starters.push_back(begin({{"start", "one"}}));
    int started = 0;
    for (OciCommand& starter : starters) {
        const OciResult result = starter.wait();
        started += result.code == 0;
        if (result.code != 0) {
            EXPECT_THAT(result.err, HasSubstr("cannot start an already running container"));
        }
    }
    EXPECT_EQ(started, 1);
}

TEST_F(OciLife, KeepsIdsApart) {
    start_sleeping("one");
    EXPECT_THAT(refusal({"create", "--bundle", dir().file("bundle0"), "one"}),  // the same cgroup, too
                HasSubstr("container with given ID already exists"));
    EXPECT_THAT(refusal({"create", "--bundle", bundle({"true"}), "one"}),
                HasSubstr("container with given ID already exists"));
    EXPECT_THAT(refusal({"run", "--bundle", bundle({"true"}), "one"}),
                HasSubstr("container with given ID already exists"));
    EXPECT_EQ(status("one"), "running");
}

TEST_F(OciLife, RefusesIdsThatCouldBePaths) {
    for (const char* id : {"..", ".", "a/b", "", "a b", "ü", "../../etc"}) {
        const std::string message = refusal({"run", "--bundle", bundle({"true"}), id});
        EXPECT_THAT(message, HasSubstr("invalid container ID format")) << id;
        refusal({"state", id});
        refusal({"delete", "--force", id});
    }
    EXPECT_THAT(refusal({"create", "--bundle", bundle({"true"}), "a/b"}), HasSubstr("invalid character"));
}

TEST_F(OciLife, LeavesNothingBehindWhenItCannotCreate) {
    const std::pair<std::string, const char*> cases[] = {
        {bundle({"no-such-command"}), "exec: \"no-such-command\": executable file not found in $PATH"},
        {bundle({"/no/such"}), "exec: \"/no/such\": no such file or directory"},
        {bundle({"/etc/passwd"}), "exec: \"/etc/passwd\": permission denied"},
        {bundle({"true"}, R"({"mounts": [{"destination": "/x", "type": "bind", "source": "/no/such/source",
                                          "options": ["bind"]}]})"),
         "/no/such/source"},
        {bundle({"true"}, R"({"process": {"args": []}})"), "process.args must name the program to run"},
        {bundle({"true"}, R"({"root": {"path": "missing"}})"), "root.path: open"},
        {bundle({"true"}, R"({"linux": {"resources": {"unified": {"no.such": "1"}}}})"), "no.such"},
        {dir().path(), "JSON specification file"},
    };
    for (const auto& [path, message] : cases) {
        EXPECT_THAT(refusal({"create", "--bundle", path, "one"}), HasSubstr(message));
        EXPECT_TRUE(gone("one")) << message;
        EXPECT_THAT(refusal({"run", "--bundle", path, "one"}), HasSubstr(message));
        EXPECT_TRUE(gone("one")) << message;
    }
}

TEST_F(OciLife, RunsInTheForegroundWithTheExitCodeOfTheProcess) {
    const OciResult result =
        call({"run", "--bundle", bundle({"sh", "-c", "echo out; echo err >&2; exit 7"}), "one"});
    EXPECT_EQ(result.code, 7);
    EXPECT_EQ(result.out, "out\n");
    EXPECT_EQ(result.err, "err\n");
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciLife, RunPassesSignalsOn) {
    OciCommand run = begin({{"run", "--bundle", bundle({"stack-payload", "on-term", "5"}), "one"}});
    ASSERT_TRUE(eventually([&] { return run.out() == "ready\n"; })) << run.err();
    EXPECT_TRUE(run.process().signal(SIGUSR1));
    const OciResult result = run.wait();
    EXPECT_EQ(result.out, "ready\ngot SIGUSR1\n");
    EXPECT_EQ(result.code, 5);
}

TEST_F(OciLife, RunTellsWhichSignalEndedTheProcess) {
    OciCommand run = begin({{"run", "--bundle", bundle({"stack-payload", "ignore-term"}), "one"}});
    ASSERT_TRUE(eventually([&] { return run.out() == "ready\n"; })) << run.err();
    must({"kill", "one", "SIGKILL"});
    EXPECT_EQ(run.wait().code, 137);
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciLife, RunKeepsOrDetaches) {
    must({"run", "--keep", "--bundle", bundle({"true"}), "kept"});
    EXPECT_EQ(status("kept"), "stopped");
    must({"delete", "kept"});
    must({"run", "-d", "--bundle", bundle({"stack-payload", "sleep"}), "detached"});
    EXPECT_EQ(status("detached"), "running");
}

TEST_F(OciLife, KillKnowsSignals) {
    start_sleeping("one");
    EXPECT_EQ(refusal({"kill", "one", "NOPE"}), "unknown signal \"NOPE\"");
    for (const char* word : {"SIGWINCH", "winch", "28", "0"}) must({"kill", "one", word});
    EXPECT_EQ(status("one"), "running");
    ASSERT_TRUE(comes_to_catch("one", SIGTERM));
    must({"kill", "one", "15"});
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_EQ(refusal({"kill", "one"}), "container not running");
    must({"kill", "--all", "one", "KILL"});
}

TEST_F(OciLife, KillEndsWhatHasNotBeenStarted) {
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}), "one"});
    must({"kill", "one", "WINCH"});
    must({"kill", "one", "0"});
    EXPECT_EQ(status("one"), "created");
    must({"kill", "one", "TERM"});
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_EQ(refusal({"kill", "one", "0"}), "container not running");
    EXPECT_EQ(refusal({"start", "one"}), "cannot start a container that has stopped");
}

TEST_F(OciLife, StartsNothingThatIsPaused) {
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}), "one"});
    must({"pause", "one"});
    EXPECT_EQ(refusal({"start", "one"}), "cannot start a container in the paused state");
    must({"resume", "one"});
    must({"start", "one"});
}

TEST_F(OciLife, KillReachesAllProcessesOfASharedPidNamespace) {
    const std::string path = bundle({"sh", "-c", "sleep 1000 & sleep 1000 & exec stack-payload sleep"}, "{}");
    json config = json::parse(read_file(path + "/config.json"));
    auto& namespaces = config["linux"]["namespaces"];
    for (std::size_t i = 0; i < namespaces.size(); ++i)
        if (namespaces[i]["type"] == "pid") namespaces.erase(i--);
    dir().write(path.substr(dir().path().size() + 1) + "/config.json", config.dump());
    must({"create", "--bundle", path, "one"});
    must({"start", "one"});
    const auto processes = [&] { return json::parse(must({"ps", "--format", "json", "one"})).size(); };
    ASSERT_TRUE(eventually([&] { return processes() == 3; }));
    must({"kill", "one", "TERM"});  // the first one alone
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_EQ(processes(), 2u);
    must({"kill", "one", "KILL"});
    EXPECT_TRUE(eventually([&] { return processes() == 0; }));
    EXPECT_EQ(refusal({"kill", "one", "KILL"}), "container not running");
    must({"delete", "one"});
}

TEST_F(OciLife, DeletesWhatHasStoppedOrNeverStarted) {
    start_sleeping("one");
    EXPECT_EQ(refusal({"delete", "one"}), "cannot delete container one that is not stopped: running");
    EXPECT_EQ(status("one"), "running");
    must({"delete", "--force", "one"});
    EXPECT_TRUE(gone("one"));
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}), "two"});
    must({"delete", "two"});
    EXPECT_TRUE(gone("two"));
    EXPECT_THAT(refusal({"delete", "two"}), HasSubstr("container does not exist"));
    must({"delete", "--force", "two"});
}

TEST_F(OciLife, DeletesManyAndTellsWhichItCouldNot) {
    must({"create", "--bundle", bundle({"true"}), "one"});
    must({"create", "--bundle", bundle({"true"}), "three"});
    EXPECT_THAT(refusal({"delete", "one", "two", "three"}), HasSubstr("\"two\": container does not exist"));
    EXPECT_TRUE(gone("one"));
    EXPECT_TRUE(gone("three"));
}

TEST_F(OciLife, DeleteForceRemovesWhatAKilledCreateLeft) {
    fs::create_directories(root() + "/empty");
    EXPECT_THAT(refusal({"state", "empty"}), HasSubstr("container does not exist"));
    must({"delete", "--force", "empty"});
    EXPECT_TRUE(gone("empty"));
}

TEST_F(OciLife, LivesInAScopeOfSystemd) {
    const std::string path =
        bundle({"stack-payload", "sleep"}, R"({"linux": {"resources": {"pids": {"limit": 20}}}})");
    json config = json::parse(read_file(path + "/config.json"));
    config["linux"]["cgroupsPath"] = "system.slice:stack-test:" + cgroup_parent().substr(1);
    dir().write("bundle0/config.json", config.dump());
    if (!path_exists("/run/systemd/system")) {
        EXPECT_THAT(refusal({"--systemd-cgroup", "create", "--bundle", path, "one"}), HasSubstr("systemd"));
        EXPECT_TRUE(gone("one"));
        return;
    }
    must({"--systemd-cgroup", "create", "--bundle", path, "one"});
    must({"start", "one"});
    EXPECT_THAT(read_file(fmt::format("/proc/{}/cgroup", state("one").at("pid").dump())),
                HasSubstr(fmt::format("/system.slice/stack-test-{}.scope", cgroup_parent().substr(1))));
    must({"update", "--pids-limit", "10", "one"});
    must({"pause", "one"});
    EXPECT_EQ(status("one"), "paused");
    must({"delete", "--force", "one"});
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciLife, RefusesACgroupThatIsInUse) {
    start_sleeping("one");
    const std::string path = bundle({"true"});
    json config = json::parse(read_file(path + "/config.json"));
    config["linux"]["cgroupsPath"] = cgroup_parent() + "/0";
    dir().write("bundle1/config.json", config.dump());
    EXPECT_THAT(refusal({"create", "--bundle", path, "two"}), HasSubstr("has processes in it"));
    EXPECT_EQ(status("one"), "running");
}

}  // namespace
}  // namespace stack::test
