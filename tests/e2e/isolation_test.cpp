// Isolation, looked at from inside: what a container is told about itself, and what it is refused.
#include "tests/support/first_cpu.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <unistd.h>

#include <map>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

class Isolation : public StackTest {
  protected:
    [[nodiscard]] nlohmann::json facts_of_main_process() {
        up("services: {web: {image: payload, command: [stack-payload, facts]}}");
        EXPECT_TRUE(reaches("web", "exited"));
        const std::string text = logs("web");
        const nlohmann::json facts = nlohmann::json::parse(text, nullptr, false);
        EXPECT_TRUE(facts.is_object()) << text;
        return facts.is_object() ? facts : nlohmann::json::object();
    }
    /// What the payload's `attempt` says of each forbidden thing, as the main process of a container.
    [[nodiscard]] std::map<std::string, std::string> attempts() {
        up("services: {web: {image: payload, command: [stack-payload, attempt]}}");
        EXPECT_TRUE(reaches("web", "exited"));
        std::map<std::string, std::string> results;
        std::istringstream lines{logs("web")};
        for (std::string line; std::getline(lines, line);) {
            const std::size_t space = line.rfind(' ');
            if (space != std::string::npos) results[line.substr(0, space)] = line.substr(space + 1);
        }
        return results;
    }
};

std::string own_namespace(const std::string& kind) {
    char target[64] = "";
    [[maybe_unused]] const ssize_t got =
        ::readlink(("/proc/self/ns/" + kind).c_str(), target, sizeof target - 1);
    return target;
}

TEST_F(Isolation, TheMainProcessHasTheDefaultIdentity) {
    const nlohmann::json facts = facts_of_main_process();
    EXPECT_EQ(facts.value("pid", 0), 1);
    EXPECT_EQ(facts.value("hostname", ""), container("web").value("ID", "").substr(0, 12));
    EXPECT_EQ(facts.value("CapEff", ""), "00000000a80405fb");  // Docker's fourteen less NET_RAW
    EXPECT_EQ(facts.value("CapBnd", ""), "00000000a80405fb");
    EXPECT_EQ(facts.value("CapInh", ""), "0000000000000000");
    EXPECT_EQ(facts.value("CapAmb", ""), "0000000000000000");
    EXPECT_EQ(facts.value("Seccomp", ""), "2");
}

TEST_F(Isolation, TheMainProcessHoldsNoDescriptorOfTheHost) {
    const nlohmann::json facts = facts_of_main_process();
    ASSERT_TRUE(facts.contains("fds"));
    EXPECT_EQ(facts["fds"].size(), 3u) << facts["fds"].dump();
    for (const nlohmann::json& target : facts["fds"])
        EXPECT_THAT(target.get<std::string>(), AnyOf(StartsWith("pipe:["), Eq("/dev/null")));
}

TEST_F(Isolation, EveryNamespaceIsItsOwn) {
    const nlohmann::json facts = facts_of_main_process();
    for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "uts"})
        EXPECT_NE(facts["namespaces"].value(kind, own_namespace(kind)), own_namespace(kind)) << kind;
}

TEST_F(Isolation, NoMountShowsAPathOfTheHost) {
    const nlohmann::json facts = facts_of_main_process();
    for (const nlohmann::json& mount : facts["mounts"]) {
        std::istringstream fields{mount.get<std::string>()};
        std::string source, target, type, options;
        fields >> source >> target >> type >> options;
        EXPECT_THAT(target, Not(HasSubstr("stack-test-"))) << mount;
        EXPECT_THAT(target, Not(HasSubstr("oldroot"))) << mount;
    }
}

TEST_F(Isolation, ForbiddenCallsAreRefused) {
    const std::map<std::string, std::string> results = attempts();
    for (const char* name :
         {"add_key", "bpf", "init_module", "io_uring_setup", "keyctl", "mount", "open_by_handle_at",
          "perf_event_open", "raw_socket", "reboot", "sethostname", "setns", "settimeofday", "swapon",
          "unshare_mount", "unshare_user", "userfaultfd"})
        EXPECT_THAT(results, Contains(Pair(name, AnyOf("EPERM", "ENOSYS")))) << name;
    EXPECT_THAT(results, Contains(Pair("clone3", "ENOSYS")));  // so that libc falls back to clone
}

TEST_F(Isolation, KernelFilesAreMaskedOrReadOnly) {
    const std::map<std::string, std::string> results = attempts();
    ASSERT_FALSE(results.empty());
    for (const auto& [name, word] : results) {
        if (name.compare(0, 5, "read ") == 0) {
            EXPECT_THAT(word, AnyOf("empty", "ENOENT", "EACCES", "EPERM", "EISDIR")) << name;
        } else if (name.compare(0, 6, "write ") == 0) {
            EXPECT_THAT(word, AnyOf("EROFS", "ENOENT", "EACCES", "EPERM")) << name;
        }
    }
}

TEST_F(Isolation, HostFilesAreOutOfReach) {
    const std::string canary = stack().write("canary", "secret of the host\n");
    up("services: {web: {image: payload, command: [stack-payload, sleep]}}");
    for (const std::string& prefix : {std::string{}, std::string{"/proc/1/root"}, std::string{"/../../../.."},
                                      std::string{"/proc/1/cwd/../../.."}})
        EXPECT_THAT(exec("web", {"cat", prefix + canary}).out, Not(HasSubstr("secret"))) << prefix;
}

TEST_F(Isolation, ExecSeesTheContainerAndNothingElse) {
    up("services: {web: {image: payload, command: [stack-payload, sleep]}}");
    const Outcome outcome = exec("web", {"stack-payload", "facts"});
    const nlohmann::json facts = nlohmann::json::parse(outcome.out, nullptr, false);
    ASSERT_TRUE(facts.is_object()) << outcome.text();
    EXPECT_EQ(facts.value("CapEff", ""), "00000000a80405fb");
    EXPECT_EQ(facts.value("Seccomp", ""), "2");
    EXPECT_EQ(facts["fds"].size(), 3u) << facts["fds"].dump();
    EXPECT_EQ(exec("web", {"cat", "/proc/1/comm"}).out, "stack-payload\n");
}

TEST_F(Isolation, PrivilegesCanBeNarrowed) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, facts]
    user: "1000:1000"
    cap_drop: [ALL]
    read_only: true
)");
    ASSERT_TRUE(reaches("web", "exited"));
    const nlohmann::json facts = nlohmann::json::parse(logs("web"), nullptr, false);
    ASSERT_TRUE(facts.is_object()) << logs("web");
    EXPECT_EQ(facts.value("Uid", ""), "1000\t1000\t1000\t1000");
    EXPECT_EQ(facts.value("CapBnd", ""), "0000000000000000");
    EXPECT_THAT(facts["mounts"].dump(), HasSubstr("overlay / overlay ro"));
}

TEST_F(Isolation, IsShapedByTheServicesKeys) {
    const int cpu = first_cpu();
    up(fmt::format(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    domainname: example.test
    group_add: ["44"]
    oom_score_adj: 300
    shm_size: 1m
    cpuset: "{}"
    security_opt: [no-new-privileges, seccomp=unconfined]
)",
                   cpu));
    const std::string seen =
        exec("web", {"sh", "-c",
                     "cat /proc/1/status /proc/1/oom_score_adj /proc/sys/kernel/domainname /proc/mounts"})
            .out;
    EXPECT_THAT(seen, HasSubstr("Groups:\t0 44 "));
    EXPECT_THAT(seen, HasSubstr("NoNewPrivs:\t1\n"));
    EXPECT_THAT(seen, HasSubstr("Seccomp:\t0\n"));
    EXPECT_THAT(seen, HasSubstr(fmt::format("Cpus_allowed_list:\t{}\n", cpu)));
    EXPECT_THAT(seen, HasSubstr("\n300\nexample.test\n"));
    EXPECT_THAT(seen, HasSubstr("/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k"));
}

}  // namespace
}  // namespace stack::test
