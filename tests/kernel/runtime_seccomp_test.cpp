// Containers under seccomp profiles of somebody else's.
#include "runtime/capabilities.hpp"
#include "runtime/seccomp_file.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/kernel/seccomp_agent.hpp"
#include "tests/support/paths.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using testing::HasSubstr;

class RuntimeSeccomp : public RuntimeTest {
  protected:
    ContainerSpec with_profile(std::vector<std::string> args, SeccompProfile profile) {
        ContainerSpec result = plain_spec(std::move(args));
        result.seccomp = {SeccompSpec::Kind::profile, std::move(profile)};
        return result;
    }
    static SeccompProfile allowing_all_but(std::vector<std::string> names, std::string action) {
        SeccompProfile profile;
        profile.default_action = "SCMP_ACT_ALLOW";
        profile.syscalls = {{std::move(names), std::move(action), std::nullopt, {}}};
        return profile;
    }
};

const std::vector<std::string> kMakeDirectory{"busybox", "mkdir", "/made"};

TEST_F(RuntimeSeccomp, ARefusedCallGetsTheErrnoOfItsRule) {
    SeccompProfile profile = allowing_all_but({"mkdir", "mkdirat"}, "SCMP_ACT_ERRNO");
    profile.syscalls[0].errno_ret = ENOTTY;
    profile.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                     "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
    for (const bool no_new_privileges : {false, true}) {
        ContainerSpec wanted = with_profile(kMakeDirectory, profile);
        wanted.process.no_new_privileges = no_new_privileges;
        const ContainerRun result = run(wanted);
        EXPECT_EQ(result.exit_code, 1) << result.error;
        EXPECT_THAT(result.out, HasSubstr("Inappropriate ioctl for device"));
    }
}

TEST_F(RuntimeSeccomp, AKillingRuleKills) {
    const ContainerRun result =
        run(with_profile(kMakeDirectory, allowing_all_but({"mkdir", "mkdirat"}, "SCMP_ACT_KILL_PROCESS")));
    EXPECT_EQ(result.exit_code, 128 + SIGSYS) << result.error;
}

TEST_F(RuntimeSeccomp, TheDefaultProfileAsAFileLetsContainersRun) {
    const std::string path = source_path("schemas/seccomp-default.json");
    const std::uint64_t capabilities = capability_mask(default_capabilities(), facts().last_capability);
    const SeccompProfile profile = read_seccomp_file(path, seccomp_file_host(capabilities));
    const ContainerRun result = run(with_profile(kMakeDirectory, profile));
    EXPECT_EQ(result.exit_code, 0) << result.error << result.out;
    const ContainerRun refused =
        run(with_profile({"busybox", "mount", "-t", "tmpfs", "none", "/bin"}, profile));
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_THAT(refused.out, HasSubstr("permission denied"));
}

TEST_F(RuntimeSeccomp, AProfileThatForbidsTheStartItselfIsBlamed) {
    const ContainerRun result =
        run(with_profile(kMakeDirectory, allowing_all_but({"setresuid"}, "SCMP_ACT_KILL_PROCESS")));
    EXPECT_THAT(result.error, HasSubstr("killed by signal 31"));
    EXPECT_THAT(result.hint, HasSubstr("seccomp profile"));
}

TEST_F(RuntimeSeccomp, AProfileThatMakesNoSenseIsRefusedBeforeAnythingRuns) {
    const ContainerRun result =
        run(with_profile(kMakeDirectory, allowing_all_but({"mkdir"}, "SCMP_ACT_MAYBE")));
    EXPECT_THAT(result.error, HasSubstr("there is no action \"SCMP_ACT_MAYBE\""));
}

TEST_F(RuntimeSeccomp, AnAgentDecidesAboutWhatItIsNotifiedOf) {
    for (const bool no_new_privileges : {false, true}) {
        SeccompProfile profile = allowing_all_but({"mkdir", "mkdirat"}, "SCMP_ACT_NOTIFY");
        profile.listener_path = dir().file("agent.sock");
        profile.listener_metadata = "for the agent";
        profile.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
        SeccompAgent agent{profile.listener_path, {{SYS_mkdir, ENOTTY}, {SYS_mkdirat, ENOTTY}}};
        ContainerSpec wanted = with_profile(kMakeDirectory, profile);
        wanted.process.no_new_privileges = no_new_privileges;
        wanted.annotations["a"] = "b";
        const ContainerRun result = run(wanted);
        EXPECT_EQ(result.exit_code, 1) << result.error;
        EXPECT_THAT(result.out, HasSubstr("Inappropriate ioctl for device"));
        if (!result.error.empty()) return;
        agent.finish();
        const auto document = nlohmann::json::parse(agent.document(), nullptr, false);
        EXPECT_EQ(document["fds"], nlohmann::json::array({"seccompFd"}));
        EXPECT_GT(document["pid"], 1);
        EXPECT_EQ(document["metadata"], "for the agent");
        EXPECT_EQ(document["state"]["id"], wanted.id);
        EXPECT_EQ(document["state"]["pid"], document["pid"]);
        EXPECT_EQ(document["state"]["annotations"]["a"], "b");
        EXPECT_EQ(agent.calls().size(), 1u);
    }
}

TEST_F(RuntimeSeccomp, AnAgentIsToldOfTheProcessThatStaysWhenAContainerTakesTwo) {
    SeccompProfile profile = allowing_all_but({"mkdir", "mkdirat"}, "SCMP_ACT_NOTIFY");
    profile.listener_path = dir().file("agent.sock");
    SeccompAgent agent{profile.listener_path, {}};
    ContainerSpec wanted = spec(kMakeDirectory);
    wanted.seccomp = {SeccompSpec::Kind::profile, profile};
    wanted.namespaces.push_back({NamespaceKind::user, ""});
    wanted.uid_mappings = wanted.gid_mappings = {{0, 100000, 65536}};
    PendingProcess container = begin_launch(wanted, {}, {}, facts());
    container.wait_until_started();
    wait_for_exit(container.handle());
    agent.finish();
    const auto document = nlohmann::json::parse(agent.document(), nullptr, false);
    EXPECT_EQ(document["pid"], container.pid());
    EXPECT_EQ(document["state"]["pid"], container.pid());
}

// The calls by which the listener is handed over and the command is executed among them.
TEST_F(RuntimeSeccomp, AnAgentMayBeNotifiedOfEveryCall) {
    SeccompProfile profile;
    profile.default_action = "SCMP_ACT_NOTIFY";
    profile.listener_path = dir().file("agent.sock");
    SeccompAgent agent{profile.listener_path, {{SYS_mkdir, ENOTTY}, {SYS_mkdirat, ENOTTY}}};
    const ContainerRun result = run(with_profile(kMakeDirectory, profile));
    EXPECT_EQ(result.exit_code, 1) << result.error;
    EXPECT_THAT(result.out, HasSubstr("Inappropriate ioctl for device"));
    if (!result.error.empty()) return;
    agent.finish();
    EXPECT_THAT(agent.calls(), testing::Contains(SYS_execve));
    EXPECT_THAT(agent.calls(), testing::Contains(SYS_sendmsg));
    EXPECT_THAT(agent.calls(), testing::Contains(SYS_capset));
}

TEST_F(RuntimeSeccomp, AnAgentThatIsNotThereIsAnErrorBeforeAnythingRuns) {
    SeccompProfile profile = allowing_all_but({"mkdir"}, "SCMP_ACT_NOTIFY");
    EXPECT_THAT(run(with_profile(kMakeDirectory, profile)).error,
                HasSubstr("no path of a seccomp agent's socket"));
    profile.listener_path = dir().file("nobody.sock");
    const ContainerRun result = run(with_profile(kMakeDirectory, profile));
    EXPECT_THAT(result.error, HasSubstr("connect to the seccomp agent"));
    EXPECT_THAT(result.hint, HasSubstr("listenerPath"));
}

}  // namespace
}  // namespace stack::test
