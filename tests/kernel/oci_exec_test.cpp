// exec: whom, where and with what a further process runs.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class OciExec : public OciTest {
  protected:
    void SetUp() override {
        OciTest::SetUp();
        if (!IsSkipped()) start_sleeping("one");
    }
};

TEST_F(OciExec, ReturnsTheExitCodeOfTheProcess) {
    EXPECT_EQ(call({"exec", "one", "sh", "-c", "exit 9"}).code, 9);
    EXPECT_EQ(call({"exec", "one", "stack-payload", "die", "6"}).code, 128 + 6);
    EXPECT_EQ(must({"exec", "one", "echo", "-n", "--", "--tty"}), "-- --tty");
    OciCall input{{"exec", "one", "cat"}};
    input.input = "through";
    EXPECT_EQ(call(input).out, "through");
}

TEST_F(OciExec, FailsWithACodeOfItsOwn) {
    EXPECT_THAT(refusal({"exec", "one", "no-such"}, 255),
                HasSubstr("exec: \"no-such\": executable file not found in $PATH"));
    EXPECT_THAT(refusal({"exec", "one", "/etc/passwd"}, 255), HasSubstr("permission denied"));
    EXPECT_THAT(refusal({"exec", "two", "true"}, 255), HasSubstr("container does not exist"));
    EXPECT_THAT(refusal({"exec", "one"}, 255), HasSubstr("exec needs a command"));
    EXPECT_THAT(refusal({"exec", "--nope", "one", "true"}, 255),
                HasSubstr("flag provided but not defined: -nope"));
    EXPECT_THAT(refusal({"exec", "-u", "12x", "one", "true"}, 255), HasSubstr("no user \"12x\""));
    EXPECT_THAT(refusal({"exec", "-u", "4294967296", "one", "true"}, 255), HasSubstr("4294967296"));
    must({"kill", "one", "KILL"});
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_THAT(refusal({"exec", "one", "true"}, 255), HasSubstr("cannot exec in a stopped container"));
}

TEST_F(OciExec, DoesNotBringTheCallersKeyring) {
    const long own = ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    if (own < 0) GTEST_SKIP() << "no keyrings to be had on this machine: " << std::strerror(errno);
    const std::string said = must({"exec", "one", "stack-payload", "keyring"});
    EXPECT_THAT(said, testing::StartsWith("session "));
    EXPECT_NE(said, fmt::format("session {}\n", own));
}

TEST_F(OciExec, HasThePersonalityOfTheContainer) {
    start_sleeping("old", R"({"linux": {"personality": {"domain": "LINUX32"}}})");
    EXPECT_THAT(must({"exec", "old", "uname", "-m"}), testing::MatchesRegex("i.86\n"));
}

TEST_F(OciExec, TakesItsProcessFromFlags) {
    EXPECT_EQ(must({"exec", "--cwd", "/tmp", "one", "pwd"}), "/tmp\n");
    EXPECT_EQ(must({"exec", "-e", "A=1", "--env=TERM=x", "one", "sh", "-c", "echo $A $TERM"}), "1 x\n");
    EXPECT_EQ(
        must({"exec", "--user", "1000:5", "-g", "7", "-g", "8", "one", "sh", "-c", "id -u; id -g; id -G"}),
        "1000\n5\n5 7 8\n");
    EXPECT_EQ(must({"exec", "-u", "user", "one", "id", "-un"}), "user\n");
    EXPECT_EQ(must({"exec", "one", "grep", "NoNewPrivs", "/proc/self/status"}), "NoNewPrivs:\t1\n");
    EXPECT_EQ(must({"exec", "--no-new-privs=false", "one", "grep", "NoNewPrivs", "/proc/self/status"}),
              "NoNewPrivs:\t0\n");
}

TEST_F(OciExec, AddsCapabilitiesToThreeSetsOnly) {
    const std::string sets =
        must({"exec", "--cap", "CAP_SYS_NICE", "-c", "net_raw", "one", "grep", "Cap", "/proc/self/status"});
    constexpr const char* kWith = "0000000020802420";  // AUDIT_WRITE, KILL, NET_BIND_SERVICE and the two
    EXPECT_EQ(sets, fmt::format("CapInh:\t{0}\nCapPrm:\t{1}\nCapEff:\t{1}\nCapBnd:\t{1}\nCapAmb:\t{0}\n",
                                "0000000000000000", kWith));
}

TEST_F(OciExec, LeavesOutCapabilitiesThatNobodyKnows) {
    const OciResult result = call({"exec", "-c", "CAP_NOPE", "one", "true"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("unknown capability \\\"CAP_NOPE\\\" is left out"));
    EXPECT_EQ(call({"--log-level", "error", "exec", "-c", "CAP_NOPE", "one", "true"}).err, "");
}

// The kernel lets the first process of a pid namespace end after all others, whose parents may take their time.
TEST_F(OciExec, TellsThatTheContainerIsEnding) {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    must({"exec", "-d", "--pid-file", dir().file("pid"), "one", "stack-payload",
          "sleep"});  // an orphan of ours
    must({"kill", "one", "KILL"});
    const std::string namespaces = fmt::format("/proc/{}/ns/mnt", state("one")["pid"].dump());
    EXPECT_TRUE(eventually([&] { return !fs::exists(namespaces); }));
    EXPECT_THAT(refusal({"exec", "one", "true"}, 255), HasSubstr("the container is not running"));
    EXPECT_GT(::waitpid(std::stoi(read_file(dir().file("pid"))), nullptr, 0), 0);
    EXPECT_TRUE(becomes("one", "stopped"));
    ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

TEST_F(OciExec, TakesItsProcessFromADocument) {
    const std::string file = dir().write("process.json", json{{"args", {"sh", "-c", "pwd; id -u; echo $X"}},
                                                              {"cwd", "/etc"},
                                                              {"env", {"PATH=/bin", "X=y"}},
                                                              {"user", {{"uid", 3}, {"gid", 4}}}}
                                                             .dump());
    EXPECT_EQ(must({"exec", "--process", file, "one"}), "/etc\n3\ny\n");
    dir().write("process.json", R"({"args": []})");
    EXPECT_THAT(refusal({"exec", "-p", file, "one"}, 255),
                HasSubstr("process.args must name the program to run"));
}

TEST_F(OciExec, Detaches) {
    const std::string pid_file = dir().file("pid");
    must({"exec", "-d", "--pid-file", pid_file, "one", "stack-payload", "sleep"});
    const json pids = json::parse(must({"ps", "--format", "json", "one"}));
    EXPECT_EQ(pids.size(), 2u);
    EXPECT_THAT(pids.dump(), HasSubstr(read_file(pid_file)));
}

TEST_F(OciExec, HasATerminal) {
    const UniqueFd console = unix_socket(dir().file("console"), SOCK_STREAM);
    must({"exec", "-d", "--tty", "--console-socket", dir().file("console"), "one", "sh", "-c",
          "test -t 0 && sleep 1000"});
    EXPECT_THAT(refusal({"exec", "-d", "-t", "one", "true"}, 255), HasSubstr("cannot allocate tty"));
    EXPECT_EQ(must({"exec", "--tty", "one", "sh", "-c", "test -t 0 && test -t 1 && echo tty"}), "tty\r\n");
}

TEST_F(OciExec, EntersTheCgroupOfTheContainer) {
    EXPECT_EQ(must({"exec", "one", "cat", "/proc/self/cgroup"}),
              must({"exec", "one", "cat", "/proc/1/cgroup"}));
    EXPECT_THAT(refusal({"exec", "--cgroup", "missing", "one", "true"}, 255),
                HasSubstr("there is no cgroup"));
    must({"exec", "--cgroup", "/", "one", "true"});
}

// With a group `sub` in every hierarchy where the container is.
class OciExecBelow : public OciExec {
  protected:
    void SetUp() override {
        OciExec::SetUp();
        if (IsSkipped()) return;
        const CgroupLayout layout = detect_cgroups();
        const std::string own = cgroup_parent() + "/0";
        has_v1_ = !layout.v1_mounts.empty();
        std::vector<std::string> mounts{layout.unified_mount};
        for (const auto& [controller, mount] : layout.v1_mounts) mounts.push_back(mount);
        for (const std::string& mount : mounts)
            if (!mount.empty() && fs::exists(mount + own) && fs::create_directory(mount + own + "/sub"))
                ++hierarchies_;
    }
    // Of the hierarchies that the process is in: those in which it is below the container.
    [[nodiscard]] std::vector<std::string> where(std::vector<std::string> flags) const {
        flags.insert(flags.begin(), "exec");
        flags.insert(flags.end(), {"one", "cat", "/proc/self/cgroup"});
        std::vector<std::string> found;
        for (const std::string& line : split(must(flags), '\n'))
            if (line.ends_with("/sub")) found.push_back(split(line, ':').at(1));
        return found;
    }
    bool has_v1_ = false;
    std::size_t hierarchies_ = 0;
};

TEST_F(OciExecBelow, GoesThereInEveryHierarchy) {
    const std::vector<std::string> all = where({"--cgroup", "sub"});
    EXPECT_EQ(all.size(), hierarchies_);
    EXPECT_EQ(where({"--cgroup", "/sub"}), all);
    EXPECT_EQ(where({"--cgroup", "/"}), std::vector<std::string>{});
    EXPECT_EQ(where({}), std::vector<std::string>{});
    must({"delete", "--force", "one"});
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciExecBelow, StaysWithTheContainerInOtherHierarchies) {
    if (!has_v1_) {
        EXPECT_THAT(refusal({"exec", "--cgroup", "memory:sub", "one", "true"}, 255),
                    HasSubstr("this host has no hierarchy for \"memory\""));
        return;
    }
    using Names = std::vector<std::string>;
    using testing::UnorderedElementsAre;
    EXPECT_EQ(where({"--cgroup", "memory:sub"}), Names{"memory"});
    EXPECT_THAT(where({"--cgroup", "memory,pids:sub"}), UnorderedElementsAre("memory", "pids"));
    EXPECT_THAT(where({"--cgroup", "memory:sub", "--cgroup", "pids:/sub"}),
                UnorderedElementsAre("memory", "pids"));
    EXPECT_EQ(where({"--cgroup", "memory:sub", "--cgroup", "pids:/"}), Names{"memory"});
    EXPECT_THAT(refusal({"exec", "--cgroup", "memory:other", "one", "true"}, 255),
                HasSubstr("there is no cgroup"));
    EXPECT_THAT(refusal({"exec", "--cgroup", "memory:sub", "--cgroup", "sub", "one", "true"}, 255),
                HasSubstr("names no controller"));
    EXPECT_THAT(refusal({"exec", "--cgroup", ",:sub", "one", "true"}, 255),
                HasSubstr("this host has no hierarchy for \"\""));
}

TEST_F(OciExec, WorksBeforeTheStart) {
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}), "two"});
    EXPECT_EQ(must({"exec", "two", "hostname"}), "stack-runtime\n");
    EXPECT_EQ(status("two"), "created");
    must({"start", "two"});
}

TEST_F(OciExec, WaitsOutsideAPausedContainer) {
    must({"pause", "one"});
    EXPECT_THAT(refusal({"exec", "one", "true"}, 255), HasSubstr("cannot exec in a paused container"));
    must({"resume", "one"});
}

TEST_F(OciExec, GoesIntoAPausedContainerOnRequestAndRunsWhenThatIsResumed) {
    must({"pause", "one"});
    OciCommand exec = begin({{"exec", "--ignore-paused", "one", "echo", "in"}});
    EXPECT_TRUE(eventually([&] { return json::parse(must({"ps", "--format", "json", "one"})).size() == 2; }));
    EXPECT_EQ(status("one"), "paused");
    EXPECT_EQ(exec.out(), "");
    must({"resume", "one"});
    const OciResult result = exec.wait();
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.out, "in\n");
}

TEST_F(OciExec, PassesOnTheDescriptorsThatAreAskedFor) {
    const Pipe three = make_pipe(), four = make_pipe();
    OciCall call{{"exec", "--preserve-fds", "1", "one", "sh", "-c", "echo three >&3; ls /proc/self/fd"}};
    call.fds = {three.write.get(), four.write.get()};
    const OciResult result = this->call(call);
    EXPECT_EQ(result.out, "0\n1\n2\n3\n4\n") << result.err;  // 4 is the directory that ls reads
    char buffer[16];
    EXPECT_EQ(::read(three.read.get(), buffer, sizeof buffer), 6);
    EXPECT_THAT(refusal({"exec", "--preserve-fds", "1", "one", "true"}, 255),
                HasSubstr("descriptor 3 is to be preserved and is not open"));
}

TEST_F(OciExec, SendsAPidfd) {
    const UniqueFd socket = unix_socket(dir().file("pidfd"), SOCK_STREAM);
    must({"exec", "-d", "--pidfd-socket", dir().file("pidfd"), "--pid-file", dir().file("pid"), "one",
          "stack-payload", "sleep"});
    const UniqueFd connection{::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    const ReceivedMessage message = receive_with_fds(connection.get(), 4096);
    ASSERT_EQ(message.fds.size(), 1u);
    EXPECT_THAT(read_file(fmt::format("/proc/self/fdinfo/{}", message.fds.front().get())),
                HasSubstr(fmt::format("Pid:\t{}\n", read_file(dir().file("pid")))));
}

}  // namespace
}  // namespace stack::test
