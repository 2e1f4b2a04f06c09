// Sync points between a starting container and others: hooks, the gate, a gate that somebody else opens, and what is passed on.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/hooks.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/default_mounts.hpp"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

template <class Action>
std::string gate_error_of(Action action) {
    try {
        action();
        return "no error";
    } catch (const Error& error) {
        return error.what();
    }
}

HookSpec shell_hook(const std::string& script, std::optional<std::int64_t> timeout = std::nullopt) {
    return {"/bin/sh", {"sh", "-c", script}, {"PATH=/usr/bin:/bin"}, timeout};
}

class RuntimeGate : public RuntimeTest {
  protected:
    std::string socket_path() { return dir().file("start.sock"); }
    LaunchOptions listening() {
        listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, socket_path().c_str());
        ::unlink(socket_path().c_str());
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_.get(), 1), 0);
        LaunchOptions options;
        options.start_socket = listener_.get();
        return options;
    }
    PendingProcess create(const ContainerSpec& wanted, const LaunchFds& fds = {}) {
        const LaunchOptions options = listening();
        PendingProcess process = begin_launch(wanted, fds, options, facts());
        listener_.reset();
        return process;
    }
    UniqueFd listener_;
};

TEST_F(RuntimeGate, StrangerStartsAContainerWhoseParentHasLetGoExactlyOnce) {
    Pipe output = make_pipe();
    LaunchFds fds;
    fds.out = output.write.get();
    ProcessHandle handle;
    {
        PendingProcess process = create(spec({"sh", "-c", "echo runs"}), fds);
        process.wait_for_gate();
        handle = *ProcessHandle::open(process.pid());
        process.detach();
    }
    output.write.reset();
    EXPECT_TRUE(handle.alive());
    start_through(socket_path(), "{}");
    EXPECT_EQ(read_until_end(output.read.get()), "runs\n");
    EXPECT_EQ(exit_code_of_status(wait_for_exit(handle)), 0);
    EXPECT_THAT(gate_error_of([&] { start_through(socket_path(), "{}"); }),
                HasSubstr("started already, or has ended"));
}

TEST_F(RuntimeGate, ContainerThatNobodyHasLetGoEndsWithItsPendingProcess) {
    ProcessHandle handle;
    {
        PendingProcess process = create(spec({"true"}));
        process.wait_for_gate();
        handle = *ProcessHandle::open(process.pid());
        EXPECT_THAT(gate_error_of([&] { process.release(); }), HasSubstr("does not wait for its parent"));
    }
    EXPECT_FALSE(handle.alive());
}

TEST_F(RuntimeGate, WrongCommandIsKnownBeforeTheStart) {
    ContainerSpec wanted = spec({"no-such-command"});
    PendingProcess missing = create(wanted);
    EXPECT_THAT(
        gate_error_of([&] { missing.wait_for_gate(); }),
        HasSubstr(
            "exec: \"no-such-command\": executable file not found in $PATH: no such file or directory"));
    wanted.process.args = {"/etc/passwd"};
    PendingProcess refused = create(wanted);
    EXPECT_THAT(gate_error_of([&] { refused.wait_for_gate(); }),
                HasSubstr("exec: \"/etc/passwd\": permission denied"));
    // Root may execute it, this user not: the check is the kernel's and as the user.
    const std::string layer = dir().file("layer");
    fs::create_directories(layer + "/opt");
    dir().write("layer/opt/tool", "#!/bin/sh\n", 0700);
    wanted = spec({"/opt/tool"});
    wanted.root.lower.insert(wanted.root.lower.begin(), layer);
    wanted.process.user = "1000";
    PendingProcess user = create(wanted);
    EXPECT_THAT(gate_error_of([&] { user.wait_for_gate(); }), HasSubstr("permission denied"));
    wanted.process.user = "0";
    PendingProcess root = create(wanted);
    root.wait_for_gate();
}

TEST_F(RuntimeGate, FailureBehindTheGateReachesWhoHasOpenedIt) {
    const std::string layer = dir().file("layer");
    dir().write("layer/opt/tool", "#!/no/such/interpreter\n", 0755);
    ContainerSpec wanted = spec({"/opt/tool"});
    wanted.root.lower.insert(wanted.root.lower.begin(), layer);
    PendingProcess process = create(wanted);
    process.wait_for_gate();
    try {
        start_through(socket_path(), "{}");
        ADD_FAILURE() << "started";
    } catch (const Error& error) {
        EXPECT_EQ(exec_failure_exit_code(error), 127);
        EXPECT_THAT(error.what(), HasSubstr("exec: \"/opt/tool\""));
        EXPECT_THAT(error.hint(), HasSubstr("its interpreter /no/such/interpreter is not in the image"));
    }
}

TEST_F(RuntimeGate, UserAndPrivilegesAreAsEverBehindASocket) {
    Pipe output = make_pipe();
    LaunchFds fds;
    fds.out = fds.err = output.write.get();
    ContainerSpec wanted =
        spec({"sh", "-c",
              "id -u; id -g; id -G; grep -E 'Cap(Eff|Prm)' /proc/self/status; ls /proc/self/fd | wc -l"});
    wanted.process.user = "user";
    PendingProcess process = create(wanted, fds);
    process.wait_for_gate();
    start_through(socket_path(), "{}");
    output.write.reset();
    EXPECT_EQ(read_until_end(output.read.get()),
              "1000\n1000\n1000 2000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n4\n");
}

TEST_F(RuntimeGate, HooksRunInTheirOrderEachInItsPlaceWithTheState) {
    const std::string log = dir().write("log", "");
    const auto note = [&](const char* name) {
        return shell_hook(fmt::format("echo {} $(cat) $(readlink /proc/self/ns/mnt) >> {}", name, log));
    };
    ContainerSpec wanted = plain_spec({"sh", "-c", "cat /from-hook /log"});
    wanted.mounts = with_default_mounts({{"/log", "bind", log, {"bind"}, ""}});
    wanted.hooks.create_container = {
        note("createContainer"),
        shell_hook(fmt::format("cp /etc/hostname {}/from-hook; echo made > {}/from-hook", plain_root(),
                               plain_root()))};
    wanted.hooks.start_container = {
        {"/bin/sh", {"sh", "-c", "echo startContainer $(cat) >> /log"}, {"PATH=/bin"}, 10}};
    Pipe output = make_pipe();
    LaunchFds fds;
    fds.out = fds.err = output.write.get();
    PendingProcess process = begin_launch(wanted, fds, {}, facts());
    output.write.reset();
    process.wait_for_hooks();
    run_hooks("createRuntime", {note("createRuntime")}, "creating");
    EXPECT_FALSE(process.at_gate());
    const std::string inside = fs::read_symlink(fmt::format("/proc/{}/ns/mnt", process.pid()));
    const std::string outside = fs::read_symlink("/proc/self/ns/mnt");
    process.hooks_done("created");
    process.wait_for_gate();
    process.release("running");
    while (!process.started()) {
        pollfd news{process.wait_fd(), POLLIN, 0};
        ::poll(&news, 1, -1);
    }
    EXPECT_EQ(
        read_until_end(output.read.get()),
        fmt::format("made\ncreateRuntime creating {}\ncreateContainer created {}\nstartContainer running\n",
                    outside, inside));
    wait_for_exit(process.handle());
}

TEST_F(RuntimeGate, HookFindsTheMountedTreeAndWhatItMountsThereStays) {
    ContainerSpec wanted = plain_spec({"sh", "-c", "cat /extra/file; ls /dev/null"});
    fs::create_directories(plain_root() + "/extra");
    wanted.hooks.create_container = {shell_hook(
        fmt::format("test -c {0}/dev/null && mount -t tmpfs none {0}/extra && echo inside > {0}/extra/file",
                    plain_root()))};
    Pipe output = make_pipe();
    LaunchFds fds;
    fds.out = fds.err = output.write.get();
    PendingProcess process = begin_launch(wanted, fds, {}, facts());
    output.write.reset();
    process.wait_for_hooks();
    process.hooks_done("{}");
    process.wait_until_started();
    EXPECT_EQ(read_until_end(output.read.get()), "inside\n/dev/null\n");
    wait_for_exit(process.handle());
}

TEST_F(RuntimeGate, FailingHookIsToldByKindNumberAndItsOwnWords) {
    ContainerSpec wanted = spec({"true"});
    const std::vector<HookSpec> second_fails{{"/bin/true", {}, {}, {}},
                                             shell_hook("echo no such luck >&2; exit 3")};
    EXPECT_EQ(gate_error_of([&] { run_hooks("createRuntime", second_fails, "{}"); }),
              "error running createRuntime hook #1: exit status 3: no such luck");
    wanted.hooks.create_container = second_fails;
    PendingProcess process = begin_launch(wanted, {}, {}, facts());
    process.wait_for_hooks();
    process.hooks_done("{}");
    EXPECT_EQ(gate_error_of([&] { process.wait_for_gate(); }),
              "error running createContainer hook #1: exit status 3: no such luck");
    wanted = spec({"true"});
    wanted.hooks.start_container = {{"/no/such/hook", {}, {}, {}}};
    EXPECT_THAT(
        run(wanted).error,
        HasSubstr("error running startContainer hook #0: run /no/such/hook: No such file or directory"));
    PendingProcess created = create(wanted);
    created.wait_for_gate();
    EXPECT_THAT(
        gate_error_of([&] { start_through(socket_path(), "{}"); }),
        HasSubstr("error running startContainer hook #0: run /no/such/hook: No such file or directory"));
}

TEST_F(RuntimeGate, HookThatRunsTooLongIsKilled) {
    const std::vector<HookSpec> slow{shell_hook("sleep 1000", 1)};
    EXPECT_EQ(gate_error_of([&] { run_hooks("prestart", slow, "{}"); }),
              "error running prestart hook #0: /bin/sh ran longer than 1 s and was killed");
    ContainerSpec wanted = spec({"true"});
    wanted.hooks.start_container = slow;
    EXPECT_EQ(run(wanted).error,
              "error running startContainer hook #0: /bin/sh ran longer than 1 s and was killed");
}

TEST_F(RuntimeGate, StartHookHasNoMorePrivilegesThanTheCommand) {
    ContainerSpec wanted = plain_spec({"cat", "/tmp/seen"});
    wanted.mounts = with_default_mounts({{"/tmp", "tmpfs", "tmpfs", {"mode=1777"}, ""}});
    wanted.process.uid = 1000;
    wanted.process.no_new_privileges = true;
    wanted.hooks.start_container = {
        {"/bin/sh",
         {"sh", "-c",
          "/bin/busybox grep -E '^(Uid|CapBnd|Seccomp:|NoNewPrivs)' /proc/self/status > /tmp/seen"},
         {"PATH=/bin"},
         {}}};
    EXPECT_EQ(run(wanted).out,
              "Uid:\t1000\t1000\t1000\t1000\nCapBnd:\t00000000a80405fb\nNoNewPrivs:\t1\nSeccomp:\t2\n");
}

TEST_F(RuntimeGate, DescriptorsToPreserveKeepTheirNumbersAndNoOtherIsOpen) {
    std::vector<UniqueFd> held;  // ours from 3 on, whatever this process has open already
    const auto data = UniqueFd{::open(dir().write("passed", "through").c_str(), O_RDONLY | O_CLOEXEC)};
    int count = 0;
    for (int number = 3; count < 2; ++number, ++count)
        if (::fcntl(number, F_GETFD) < 0) {
            ASSERT_EQ(::dup3(data.get(), number, O_CLOEXEC), number);
            held.emplace_back(number);
        }
    LaunchOptions options;
    options.preserve_fds = 2;
    const ContainerRun result = run(spec({"sh", "-c", "ls /proc/self/fd"}), {}, options);
    EXPECT_EQ(result.out, "0\n1\n2\n3\n4\n5\n") << result.error;  // 5 is ls's own
    options.preserve_fds = 900;
    EXPECT_THAT(run(spec({"true"}), {}, options).error, HasSubstr("is to be preserved and is not open"));
}

TEST_F(RuntimeGate, RootIsEnteredWithoutPivotOnRequest) {
    LaunchOptions options;
    options.pivot = false;
    const std::string secret = dir().write("secret", "canary");
    const ContainerRun result =
        run(spec({"sh", "-c",
                  fmt::format("cat {0}; cat /proc/self/root{0}; cd /; cd ..; pwd; ls -d /etc", secret)}),
            {}, options);
    EXPECT_THAT(result.out, AllOf(Not(HasSubstr("canary")), EndsWith("/\n/etc\n"))) << result.error;
}

// A new session keyring for this process that nobody lists who does not hold it. -1 with errno where keyrings are not to be had.
long join_private_keyring(const char* name) {
    constexpr unsigned kPossessorOnly = 0x3f000000;
    const long keyring = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
    return keyring < 0 ? -1 : ::syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, kPossessorOnly);
}

TEST_F(RuntimeGate, SessionKeyringIsTheCallersOnRequest) {
    LaunchOptions options;
    ContainerSpec wanted = spec({"cat", "/proc/keys"});
    wanted.masked_paths.clear();
    const std::string keyring = fmt::format("stack-test-{}", ::getpid());
    const bool joined = join_private_keyring(keyring.c_str()) == 0;
    const int error = errno;
    const ContainerRun apart = run(wanted, {}, options);
    EXPECT_THAT(apart.out, Not(HasSubstr(keyring)));
    options.new_keyring = false;
    const ContainerRun shared = run(wanted, {}, options);
    EXPECT_EQ(apart.error + shared.error, "");
    if (!joined) GTEST_SKIP() << "no keyrings to be had on this machine: " << std::strerror(error);
    EXPECT_THAT(shared.out, HasSubstr(keyring));
}

}  // namespace
}  // namespace stack::test
