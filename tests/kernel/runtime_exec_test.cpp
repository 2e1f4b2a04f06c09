// Further processes in a running container.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RuntimeExec : public RuntimeTest {
  protected:
    ProcessSpec process(std::vector<std::string> args) {
        ProcessSpec result = spec({"true"}).process;
        result.args = std::move(args);
        return result;
    }
};

TEST_F(RuntimeExec, SeesTheContainerAsItsFirstProcessDoes) {
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    const ContainerRun result = exec(container.handle(), process({"stack-payload", "facts"}));
    const json seen = json::parse(result.out, nullptr, false);
    ASSERT_TRUE(seen.is_object()) << result.error;
    EXPECT_GT(seen["pid"], 1);
    EXPECT_EQ(seen["hostname"], "box");
    for (const auto& [kind, name] : seen["namespaces"].items())
        EXPECT_EQ(name, fs::read_symlink(fmt::format("/proc/{}/ns/{}", container.pid(), kind)).string());
    for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) EXPECT_EQ(seen[set], "00000000a80405fb") << set;
    EXPECT_EQ(seen["CapInh"], "0000000000000000");
    EXPECT_EQ(seen["Seccomp"], "2");
    EXPECT_EQ(seen["fds"].size(), 3u);
    EXPECT_THAT(exec(container.handle(), process({"cat", "/proc/1/cmdline"})).out, StartsWith("sleep"));
}

// As images do that log to /dev/stdout.
TEST_F(RuntimeExec, UsersMayOpenTheirStreamsAgain) {
    ContainerSpec wanted = spec({"sh", "-c", "echo again >/dev/stdout; echo more >/proc/self/fd/2; id -u"});
    ContainerSpec sleeping = spec({"sleep", "1000"});
    const auto in_user_namespace = [](ContainerSpec from) {
        from.namespaces.push_back({NamespaceKind::user, ""});
        from.uid_mappings = from.gid_mappings = {{0, 100000, 65536}};
        return from;
    };
    const PendingProcess& plain = start(sleeping);
    const PendingProcess& shifted = start(in_user_namespace(sleeping));
    for (const char* user : {"0", "1234:5"}) {
        wanted.process.user = user;
        const std::string said = fmt::format("again\nmore\n{}\n", std::atoi(user));
        EXPECT_EQ(run(wanted).out, said);
        EXPECT_EQ(run(in_user_namespace(wanted)).out, said);
        EXPECT_EQ(exec(plain.handle(), wanted.process).out, said);
        EXPECT_EQ(exec(shifted.handle(), wanted.process).out, said);
    }
}

TEST_F(RuntimeExec, FilesStayTheCallersWhenTheyAreStreams) {
    const std::string file = dir().write("file", "");
    const UniqueFd out{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
    ContainerSpec wanted = spec({"id", "-u"});
    wanted.process.user = "1234";
    LaunchFds fds;
    fds.out = out.get();
    PendingProcess container = begin_launch(wanted, fds, {}, facts());
    container.wait_until_started();
    wait_for_exit(container.handle());
    EXPECT_EQ(read_file(file), "1234\n");
    struct stat info {};
    ASSERT_EQ(::stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 0u);
}

TEST_F(RuntimeExec, CarriesInputOutputAndExitCode) {
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    Pipe input = make_pipe(), output = make_pipe();
    write_all(input.write.get(), "through and through", "pipe");
    input.write.reset();
    LaunchFds fds;
    fds.in = input.read.get();
    fds.out = output.write.get();
    const ExecTarget target{&container.handle(), {}};
    PendingProcess running = begin_exec(target, process({"sh", "-c", "cat; exit 7"}), fds, {}, facts());
    output.write.reset();
    running.wait_until_started();
    EXPECT_EQ(read_until_end(output.read.get()), "through and through");
    EXPECT_EQ(exit_code_of_status(wait_for_exit(running.handle())), 7);
    EXPECT_EQ(exec(container.handle(), process({"nothing-of-that-name"})).exit_code, 127);
    EXPECT_EQ(exec(container.handle(), process({"/etc/passwd"})).exit_code, 126);
}

TEST_F(RuntimeExec, TakesUserDirectoryAndEnvironment) {
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    ProcessSpec wanted = process({"sh", "-c", "id -u; id -G; pwd; echo $HOME $COLOR"});
    wanted.user = "user";
    wanted.cwd = "/home/user";
    wanted.env.push_back("COLOR=red");
    EXPECT_EQ(exec(container.handle(), wanted).out, "1000\n1000 2000\n/home/user\n/home/user red\n");
    wanted.cwd = "/not/there";
    EXPECT_THAT(exec(container.handle(), wanted).error,
                HasSubstr("open /not/there in the container: No such file"));
}

// As in a build environment made by chroot(8). The root of the mount namespace is what an exec sees, and what a
// container that breaks out of a chroot would reach.
TEST_F(RuntimeExec, SeesTheContainersRootAlsoWhenWeAreInAChroot) {
    const PrivateNamespaces ours;
    const UniqueFd outside{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const std::string host = dir().file("host");
    fs::create_directory(host);
    ASSERT_EQ(::mount("/", host.c_str(), nullptr, MS_BIND | MS_REC, nullptr), 0);
    ASSERT_EQ(::chroot(host.c_str()), 0);
    ASSERT_EQ(::chdir("/"), 0);
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    const ContainerRun result =
        exec(container.handle(), process({"cat", "/etc/passwd", "/proc/self/mountinfo"}));
    ASSERT_EQ(::fchdir(outside.get()), 0);
    ASSERT_EQ(::chroot("."), 0);
    ::umount2(host.c_str(), MNT_DETACH);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    EXPECT_THAT(result.out, HasSubstr("user:x:1000"));
    EXPECT_THAT(result.out, Not(HasSubstr(host)));
}

TEST_F(RuntimeExec, GetsATerminalOfTheContainer) {
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    ProcessSpec wanted = process({"sh", "-c", "tty; stty size"});
    wanted.terminal = true;
    wanted.console_width = 90;
    wanted.console_height = 30;
    const ExecTarget target{&container.handle(), {}};
    PendingProcess running = begin_exec(target, wanted, {}, {}, facts());
    running.wait_for_gate();
    const std::optional<UniqueFd> master = running.take_terminal();
    ASSERT_TRUE(master);
    running.wait_until_started();
    EXPECT_EQ(read_until_end(master->get()), "/dev/pts/0\r\n30 90\r\n");
    wait_for_exit(running.handle());
}

TEST_F(RuntimeExec, EndsWithTheContainerAndRefusesAnEndedOne) {
    PendingProcess container = begin_launch(spec({"sleep", "1000"}), {}, {}, facts());
    container.wait_until_started();
    const ExecTarget target{&container.handle(), {}};
    PendingProcess running = begin_exec(target, process({"sleep", "1000"}), {}, {}, facts());
    running.wait_until_started();
    container.handle().signal(SIGKILL);
    EXPECT_TRUE(eventually([&] { return !running.handle().alive(); }));
    wait_for_exit(running.handle());
    wait_for_exit(container.handle());
    EXPECT_EQ(exec(container.handle(), process({"true"})).error, "the container is not running");
}

TEST_F(RuntimeExec, OurNextChildrenAreBornOutside) {
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    exec(container.handle(), process({"true"}));
    const std::string own = fs::read_symlink("/proc/self/ns/pid");
    EXPECT_EQ(fs::read_symlink("/proc/thread-self/ns/pid_for_children").string(), own);
}

// A container's root may do to its /dev what it likes while it runs.
TEST_F(RuntimeExec, ForgedDevicesOfARunningContainerAreRefused) {
    const PendingProcess& container = start(spec(
        {"sh", "-c", "echo canary > /etc/canary; rm /dev/null; ln -s /etc/canary /dev/null; sleep 1000"}));
    const std::string root = fmt::format("/proc/{}/root", container.pid());
    ASSERT_TRUE(eventually([&] { return fs::is_symlink(root + "/dev/null"); }));
    const ContainerRun by_link = exec(container.handle(), process({"true"}));
    EXPECT_THAT(by_link.error, HasSubstr("open /dev/null in the container"));
    EXPECT_EQ(exec(container.handle(), process({"cat", "/etc/canary"})).out, "");

    const PendingProcess& other =
        start(spec({"sh", "-c", "rm /dev/null; echo canary > /dev/null; touch /etc/done; sleep 1000"}));
    const std::string other_root = fmt::format("/proc/{}/root", other.pid());
    ASSERT_TRUE(eventually([&] { return fs::exists(other_root + "/etc/done"); }));
    EXPECT_THAT(exec(other.handle(), process({"true"})).error, HasSubstr("is not the null device: refused"));
    EXPECT_EQ(read_file(other_root + "/dev/null"), "canary\n");
}

// CVE-2016-9962: what joins a container can't be looked at from inside before it has become part of it.
// CVE-2016-9962. In a user namespace also by who may trace there: the joining process's memory is the host's until exec.
TEST_F(RuntimeExec, WaitingProcessCantBeInspectedFromInside) {
    auto capabilities = default_capabilities();
    capabilities.push_back("CAP_SYS_PTRACE");
    for (const bool user_namespace : {false, true}) {
        ContainerSpec wanted = spec({"sleep", "1000"});
        wanted.process.capabilities = capability_sets(capabilities);
        if (user_namespace) {
            wanted.namespaces.push_back({NamespaceKind::user, ""});
            wanted.uid_mappings = wanted.gid_mappings = {{0, 100000, 65536}};
        }
        const PendingProcess& container = start(wanted);
        const ExecTarget target{&container.handle(), {}};
        PendingProcess waiting = begin_exec(target, process({"true"}), {}, {}, facts());
        waiting.wait_for_gate();
        ProcessSpec spy =
            process({"sh", "-c", "for p in /proc/[0-9]*; do ls -l $p/fd $p/exe; cat $p/environ; done 2>&1"});
        spy.capabilities = capability_sets(user_namespace ? capabilities : default_capabilities());
        const ContainerRun seen = exec(container.handle(), spy);
        EXPECT_THAT(seen.out, HasSubstr("ermission denied")) << seen.error;
        EXPECT_THAT(seen.out, Not(HasSubstr("socket:")));
        EXPECT_THAT(seen.out, Not(HasSubstr("runtime_kernel_test")));
    }
}

}  // namespace
}  // namespace stack::test
