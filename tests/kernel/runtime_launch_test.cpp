// Containers as the kernel and they themselves see them.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/protected_exe.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/default_mounts.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class RuntimeLaunch : public RuntimeTest {
  protected:
    json container_facts(const ContainerSpec& from, LaunchFds fds = {}) {
        const ContainerRun result = run(from, std::move(fds));
        EXPECT_EQ(result.exit_code, 0) << result.error;
        return json::parse(result.out, nullptr, false);
    }
};

TEST_F(RuntimeLaunch, ContainerIsPid1InNamespacesOfItsOwn) {
    const json seen = container_facts(spec({"stack-payload", "facts"}));
    EXPECT_EQ(seen["pid"], 1);
    EXPECT_EQ(seen["hostname"], "box");
    for (const auto& [kind, name] : seen["namespaces"].items()) {
        const std::string own = fs::read_symlink("/proc/self/ns/" + kind);
        if (kind == "user")
            EXPECT_EQ(name, own);
        else
            EXPECT_NE(name, own) << kind;
    }
    for (const std::string line : seen["cgroup"]) EXPECT_THAT(line, EndsWith(":/"));
}

TEST_F(RuntimeLaunch, PrivilegesAreTheDefaultSet) {
    const json seen = container_facts(spec({"stack-payload", "facts"}));
    for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) EXPECT_EQ(seen[set], "00000000a80405fb") << set;
    for (const char* set : {"CapInh", "CapAmb"}) EXPECT_EQ(seen[set], "0000000000000000") << set;
    EXPECT_EQ(seen["Seccomp"], "2");
    EXPECT_EQ(seen["NoNewPrivs"], "0");
}

TEST_F(RuntimeLaunch, NoNewPrivilegesAndFewerCapabilitiesOnRequest) {
    ContainerSpec wanted = spec({"stack-payload", "facts"});
    wanted.process.no_new_privileges = true;
    wanted.process.capabilities = capability_sets({"CAP_KILL"});
    const json seen = container_facts(wanted);
    EXPECT_EQ(seen["NoNewPrivs"], "1");
    EXPECT_EQ(seen["Seccomp"], "2");
    EXPECT_EQ(seen["CapEff"], "0000000000000020");
}

TEST_F(RuntimeLaunch, ForbiddenThingsAreRefused) {
    const ContainerRun result = run(spec({"stack-payload", "attempt"}));
    const auto words = words_of(result.out);
    for (const char* name :
         {"add_key", "bpf", "init_module", "io_uring_setup", "keyctl", "mount", "open_by_handle_at",
          "perf_event_open", "raw_socket", "reboot", "sethostname", "setns", "settimeofday", "swapon",
          "unshare_mount", "unshare_user", "userfaultfd"})
        EXPECT_EQ(words.at(name), "EPERM") << name;
    EXPECT_EQ(words.at("clone3"), "ENOSYS");
    EXPECT_EQ(words.at("chroot"), "ok");  // of the default capabilities
    for (const char* path : {"/proc/kcore", "/proc/keys", "/proc/timer_list"})
        EXPECT_EQ(words.at(std::string{"read "} + path), fs::exists(path) ? "empty" : "ENOENT") << path;
    for (const auto& [name, word] : words) {
        if (!name.starts_with("write ")) continue;
        EXPECT_THAT(word, AnyOf("EROFS", "ENOENT", "EACCES")) << name;
    }
}

TEST_F(RuntimeLaunch, HoldsNoDescriptorBesideItsStandardStreams) {
    const UniqueFd inherited{::open("/", O_RDONLY | O_DIRECTORY)};  // not close-on-exec, on purpose
    const UniqueFd high{::fcntl(inherited.get(), F_DUPFD, 200)};
    const json seen = container_facts(spec({"stack-payload", "facts"}));
    ASSERT_EQ(seen["fds"].size(), 3u) << seen["fds"];
    EXPECT_EQ(seen["fds"][0], "/dev/null");
}

TEST_F(RuntimeLaunch, SignalsAreAsAfterBoot) {
    ::signal(SIGPIPE, SIG_IGN);
    const ContainerRun result = run(spec({"grep", "Sig[BI]", "/proc/self/status"}));
    ::signal(SIGPIPE, SIG_DFL);
    EXPECT_EQ(result.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(RuntimeLaunch, WritesGoToTheUpperLayerOnly) {
    const ContainerSpec wanted = spec({"sh", "-c", "echo changed > /etc/motd"});
    EXPECT_EQ(run(wanted).exit_code, 0);
    EXPECT_EQ(read_file(wanted.root.upper + "/etc/motd"), "changed\n");
    EXPECT_FALSE(fs::exists(image() + "/etc/motd"));
}

TEST_F(RuntimeLaunch, OverlayOfManyLayersWorksWithAndWithoutLayerAppend) {
    ContainerSpec wanted = spec({"cat", "/etc/layer0", "/etc/layer39", "/etc/top"});
    wanted.root.lower.clear();
    for (int i = 0; i < 40; ++i) {
        // Long enough that their names together don't fit into mount(2)'s page.
        const std::string layer = dir().file("layers/" + std::string(120, 'a') + std::to_string(i));
        fs::create_directories(layer + "/etc");
        std::ofstream{layer + "/etc/layer" + std::to_string(i)} << i << "\n";
        std::ofstream{layer + "/etc/top"} << "from " << i << "\n";
        wanted.root.lower.push_back(layer);
    }
    wanted.root.lower.push_back(image());
    EXPECT_EQ(run(wanted).out, "0\n39\nfrom 0\n");
    HostFacts old = facts();
    old.overlay_layer_append = false;
    EXPECT_EQ(run(wanted, old).out, "0\n39\nfrom 0\n");
    wanted.root.lower.erase(wanted.root.lower.begin() + 1, wanted.root.lower.begin() + 39);
    EXPECT_EQ(run(wanted, old).out, "0\n39\nfrom 0\n");
}

TEST_F(RuntimeLaunch, HostFilesAreOutOfReach) {
    const std::string secret = dir().write("secret", "canary");
    std::string up;
    for (int i = 0; i < 12; ++i) up += "../";
    const ContainerRun result = run(spec(
        {"sh", "-c", fmt::format("cat {0} {1}{0} /proc/1/root{0} /proc/self/cwd/../..{0}", secret, up)}));
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.out, Not(HasSubstr("canary")));
    EXPECT_THAT(run(spec({"cat", "/proc/self/mountinfo"})).out, Not(HasSubstr("ext4 /dev/")));
}

TEST_F(RuntimeLaunch, UserIsResolvedInsideTheImage) {
    ContainerSpec wanted =
        spec({"sh", "-c", "id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status"});
    wanted.process.user = "user";
    wanted.process.group_add = {"4321"};
    EXPECT_EQ(run(wanted).out, "1000\n1000\n1000 2000 4321\n/home/user\nCapEff:\t0000000000000000\n");
    wanted.process.user = "nobody-here";
    EXPECT_EQ(run(wanted).error,
              "finding user \"nobody-here\": the image's /etc/passwd has no user \"nobody-here\"");
}

TEST_F(RuntimeLaunch, GroupsOfTheCallerAreNotInherited) {
    ContainerSpec wanted = spec({"id", "-G"});
    wanted.process.user = "7:8";
    EXPECT_EQ(run(wanted).out, "8\n");
}

TEST_F(RuntimeLaunch, LimitsUmaskSysctlsAndOomScoreAreSet) {
    ContainerSpec wanted = spec({"sh", "-c",
                                 "ulimit -n; umask; cat /proc/sys/net/ipv4/ip_unprivileged_port_start "
                                 "/proc/sys/kernel/shmmni /proc/self/oom_score_adj"});
    wanted.process.rlimits = {{"RLIMIT_NOFILE", 100, 200}};
    wanted.process.umask = 077;
    wanted.process.oom_score_adj = 500;
    wanted.sysctl = {{"net.ipv4.ip_unprivileged_port_start", "42"}, {"kernel.shmmni", "77"}};
    const ContainerRun result = run(wanted);
    EXPECT_EQ(result.out, "100\n0077\n42\n77\n500\n") << result.error;
}

TEST_F(RuntimeLaunch, LimitThatTakesAPrivilegeSaysSo) {
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    if (now.rlim_max == RLIM_INFINITY || ::prctl(PR_CAPBSET_READ, 24 /* CAP_SYS_RESOURCE */, 0, 0, 0) == 1)
        GTEST_SKIP() << "this process may raise limits";
    ContainerSpec wanted = spec({"true"});
    wanted.process.rlimits = {{"RLIMIT_NOFILE", 1, now.rlim_max + 1}};
    EXPECT_THAT(run(wanted).error,
                HasSubstr(fmt::format("raising the RLIMIT_NOFILE hard limit above {} needs "
                                      "CAP_SYS_RESOURCE",
                                      now.rlim_max)));
}

TEST_F(RuntimeLaunch, ExitAndFailureCodesAreTheShells) {
    EXPECT_EQ(run(spec({"sh", "-c", "exit 7"})).exit_code, 7);
    EXPECT_EQ(run(spec({"sh", "-c", "sh -c 'kill -9 $$'; exit $?"})).exit_code, 137);
    const ContainerRun missing = run(spec({"no-such-program"}));
    EXPECT_EQ(missing.exit_code, 127);
    EXPECT_THAT(missing.error, StartsWith("exec: \"no-such-program\": "));
    const ContainerRun refused = run(spec({"/etc/passwd"}));
    EXPECT_EQ(refused.exit_code, 126);
    EXPECT_EQ(refused.error, "exec: \"/etc/passwd\": permission denied");
    EXPECT_EQ(run(spec({"/etc"})).exit_code, 126);
}

TEST_F(RuntimeLaunch, MissingInterpreterIsNamed) {
    const ContainerSpec wanted = spec({"script"});
    fs::create_directories(wanted.root.upper + "/bin");
    std::ofstream{wanted.root.upper + "/bin/script"} << "#!/usr/bin/env python3\n";
    fs::permissions(wanted.root.upper + "/bin/script", fs::perms::all);
    const ContainerRun result = run(wanted);
    EXPECT_EQ(result.exit_code, 127);
    EXPECT_EQ(result.hint, "/bin/script exists, but its interpreter /usr/bin/env is not in the image");
}

TEST_F(RuntimeLaunch, TerminalIsTheContainersOwn) {
    ContainerSpec wanted =
        spec({"sh", "-c",
              "stty size; tty; stat -c '%u' /dev/pts/0; test -c /dev/console && echo console; "
              "echo hi > /dev/tty"});
    wanted.process.terminal = true;
    wanted.process.console_width = 132;
    wanted.process.console_height = 43;
    wanted.process.user = "user";
    PendingProcess process = begin_launch(wanted, {}, {}, facts());
    process.wait_for_gate();
    const std::optional<UniqueFd> master = process.take_terminal();
    ASSERT_TRUE(master);
    EXPECT_FALSE(process.take_terminal());
    process.wait_until_started();
    EXPECT_EQ(read_until_end(master->get()), "43 132\r\n/dev/pts/0\r\n1000\r\nconsole\r\nhi\r\n");
    EXPECT_EQ(exit_code_of_status(wait_for_exit(process.handle())), 0);
}

TEST_F(RuntimeLaunch, NetworkNamespaceThatIsGivenIsJoined) {
    UniqueFd other;
    {
        const PrivateNamespaces apart;
        other.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }
    struct stat info {};
    ASSERT_EQ(::fstat(other.get(), &info), 0);
    LaunchFds fds;
    fds.network_namespace = other.get();
    ContainerSpec wanted = spec({"stack-payload", "facts"});
    wanted.sysctl = {{"net.ipv4.ip_unprivileged_port_start", "0"}};
    EXPECT_EQ(container_facts(wanted, fds)["namespaces"]["net"], fmt::format("net:[{}]", info.st_ino));
    // The same by name.
    LaunchFds named;
    named.named["web"] = other.get();
    wanted.namespaces[2].path = "fd:web";
    EXPECT_EQ(container_facts(wanted, named)["namespaces"]["net"], fmt::format("net:[{}]", info.st_ino));
}

TEST_F(RuntimeLaunch, PidNamespaceOfAnotherContainerIsShared) {
    const PendingProcess& other = start(spec({"sleep", "1000"}));
    ContainerSpec wanted =
        spec({"sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '; test $$ != 1 && echo guest"});
    wanted.namespaces[1].path = fmt::format("/proc/{}/ns/pid", other.pid());
    EXPECT_EQ(run(wanted).out, "sleep 1000 guest\n");
    // Our own children are born outside again.
    EXPECT_EQ(container_facts(spec({"stack-payload", "facts"}))["pid"], 1);
}

TEST_F(RuntimeLaunch, UserNamespaceMapsIds) {
    ContainerSpec wanted =
        plain_spec({"sh", "-c", "cat /proc/self/uid_map; echo x > /file; : > /dev/null; ls /dev"});
    wanted.namespaces.push_back({NamespaceKind::user, ""});
    wanted.uid_mappings = wanted.gid_mappings = {{0, 100000, 65536}};
    fs::permissions(dir().path(), fs::perms::all);
    ASSERT_EQ(::chown(plain_root().c_str(), 100000, 100000), 0);
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, HasSubstr("100000")) << result.error;
    struct stat info {};
    ASSERT_EQ(::stat((plain_root() + "/file").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 100000u);
}

TEST_F(RuntimeLaunch, NothingRunsBeforeTheGateIsOpened) {
    const ContainerSpec wanted = spec({"sh", "-c", "echo started > /etc/started"});
    PendingProcess process = begin_launch(wanted, {}, {}, facts());
    process.wait_for_gate();
    EXPECT_TRUE(process.at_gate());
    EXPECT_FALSE(process.started());
    EXPECT_TRUE(process.handle().alive());
    EXPECT_FALSE(fs::exists(wanted.root.upper + "/etc/started"));
    pollfd idle{process.wait_fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&idle, 1, 0), 0);
    process.release();
    EXPECT_TRUE(eventually([&] { return process.started(); }));
    wait_for_exit(process.handle());
    EXPECT_TRUE(fs::exists(wanted.root.upper + "/etc/started"));
}

TEST_F(RuntimeLaunch, ProcessThatIsLetGoBeforeTheGateIsGone) {
    pid_t pid = -1;
    {
        PendingProcess process = begin_launch(spec({"sleep", "1000"}), {}, {}, facts());
        process.wait_for_gate();
        pid = process.pid();
    }
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
}

TEST_F(RuntimeLaunch, ChildAtTheGateDiesWithItsParent) {
    Pipe told = make_pipe();
    const ContainerSpec first = spec({"sleep", "1000"}), second = spec({"sleep", "1000"});
    const pid_t parent = ::fork();
    if (parent == 0) {
        // Two at once: neither may keep the other's channel open.
        PendingProcess one = begin_launch(first, {}, {}, facts());
        PendingProcess two = begin_launch(second, {}, {}, facts());
        one.wait_for_gate();
        two.wait_for_gate();
        const pid_t pids[2] = {one.pid(), two.pid()};
        write_all(told.write.get(), {reinterpret_cast<const char*>(pids), sizeof pids}, "pipe");
        ::raise(SIGKILL);
    }
    pid_t pids[2] = {};
    ASSERT_EQ(::read(told.read.get(), pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
    ::waitpid(parent, nullptr, 0);
    for (const pid_t pid : pids) {
        const auto child = ProcessHandle::open(pid);
        EXPECT_TRUE(!child || eventually([&] { return !child->alive(); }));
    }
}

TEST_F(RuntimeLaunch, ProcessKilledDuringSetUpIsReportedNotStarted) {
    PendingProcess process = begin_launch(spec({"sleep", "1000"}), {}, {}, facts());
    process.wait_for_gate();
    process.handle().signal(SIGKILL);
    try {
        process.release();
        while (!process.started()) {
        }
        FAIL() << "started";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "the process was killed by signal 9 while it was being set up");
    }
}

TEST_F(RuntimeLaunch, ClonedParentReapsAndIsItsParent) {
    // This test's child plays the supervisor, this process the keeper.
    Pipe told = make_pipe();
    const ContainerSpec wanted = spec({"sh", "-c", "exit 9"});
    const pid_t supervisor = ::fork();
    if (supervisor == 0) {
        LaunchOptions options;
        options.clone_parent = true;
        PendingProcess process = begin_launch(wanted, {}, options, facts());
        process.wait_until_started();
        const pid_t pid = process.pid();
        write_all(told.write.get(), {reinterpret_cast<const char*>(&pid), sizeof pid}, "pipe");
        ::_exit(0);
    }
    pid_t pid = -1;
    ASSERT_EQ(::read(told.read.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    ::waitpid(supervisor, nullptr, 0);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, __WALL), pid);
    EXPECT_EQ(exit_code_of_status(status), 9);
}

TEST_F(RuntimeLaunch, FailedStartsLeaveNoDescriptorsOrProcesses) {
    const auto open_descriptors = [] { return list_directory("/proc/self/fd").size(); };
    run(spec({"no-such-program"}));
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 5; ++i) run(spec({"no-such-program"}));
    ContainerSpec broken = spec({"true"});
    broken.mounts = with_default_mounts({{"/x", "bind", "/no/such/path", {"bind"}, ""}});
    run(broken);
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(RuntimeLaunch, StepTimesNameEveryStep) {
    LaunchOptions options;
    options.record_times = true;
    PendingProcess process = begin_launch(spec({"true"}), {}, options, facts());
    process.wait_until_started();
    const auto times = process.step_times();
    wait_for_exit(process.handle());
    ASSERT_GT(times.size(), 20u);
    EXPECT_EQ(times.front().step, "clone");
    for (const auto& time : times) EXPECT_GE(time.took.count(), 0) << time.step;
}

TEST_F(RuntimeLaunch, CgroupViewIsReadOnlyAndItsOwn) {
    const ContainerRun result =
        run(spec({"sh", "-c", "grep ' /sys/fs/cgroup' /proc/mounts; mkdir /sys/fs/cgroup/x"}));
    std::istringstream lines{result.out};
    int mounts = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" /sys/fs/cgroup") == std::string::npos) continue;
        ++mounts;
        EXPECT_THAT(line, HasSubstr(" ro,")) << line;
    }
    EXPECT_GE(mounts, facts().cgroup_mode == CgroupMode::none ? 0 : 1);
    EXPECT_THAT(result.out, HasSubstr("Read-only file system"));
}

TEST_F(RuntimeLaunch, ProcessIsBornInItsControlGroupAndSeesNoOther) {
    const CgroupLayout layout = detect_cgroups();
    if (layout.mode == CgroupLayout::Mode::none) GTEST_SKIP() << "no cgroups here";
    const std::string path = "/" + fs::path{dir().path()}.filename().string() + "/box";
    const Cgroup cgroup = Cgroup::create(layout, path, {});
    ContainerSpec wanted =
        spec({"sh", "-c",
              "cat /proc/self/cgroup; for f in $(find /sys/fs/cgroup -name cgroup.procs); do cat $f; done"});
    wanted.cgroups_path = path;
    LaunchOptions options;
    options.cgroup.clone_into = cgroup.clone_into_fd();
    options.cgroup.task_files = cgroup.task_fds();
    const ContainerRun result = run(wanted, {}, options);
    remove_cgroup(layout, path);
    remove_cgroup(layout, fs::path{path}.parent_path());
    std::istringstream lines{result.out};
    int groups = 0, own = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.find(':') == std::string::npos)
            own += line == "1";
        else {
            ++groups;
            EXPECT_THAT(line, EndsWith(":/")) << line;
        }
    }
    EXPECT_GE(groups, 1) << result.error;
    EXPECT_GE(own, 1) << result.out;  // the view shows this container's own groups, and it is in them
}

TEST_F(RuntimeLaunch, InitRunsTheCommandAndPassesItsExitCodeOn) {
    LaunchOptions options;
    options.init_path = test::program_path("stack-init");
    ContainerSpec wanted = spec({"sh", "-c", "echo $$; cat /proc/1/cmdline | tr '\\0' ' '; exit 7"});
    wanted.init = true;
    const ContainerRun result = run(wanted, {}, options);
    EXPECT_EQ(result.exit_code, 7) << result.error;
    EXPECT_THAT(result.out, AllOf(StartsWith("2\nstack-init /bin/sh -c "), Not(StartsWith("1\n"))));
    wanted.process.args = {"no-such-program"};
    EXPECT_EQ(run(wanted, {}, options).exit_code, 127);
    wanted.process.args = {"/etc/passwd"};
    EXPECT_EQ(run(wanted, {}, options).exit_code, 126);
}

TEST_F(RuntimeLaunch, ProtectedProgramTakesNoWritesEvenAfterItEnded) {
    const std::string program = dir().file("program");
    fs::copy_file(image() + "/bin/busybox", program);
    const UniqueFd fd = protected_program(program);
    const pid_t child = ::fork();
    if (child == 0) {
        const char* const argv[] = {"sleep", "1000", nullptr};
        ::syscall(SYS_execveat, fd.get(), "", const_cast<char**>(argv), environ, AT_EMPTY_PATH);
        ::_exit(1);
    }
    const std::string exe = fmt::format("/proc/{}/exe", child);
    ASSERT_TRUE(eventually([&] { return fs::read_symlink(exe) != fs::read_symlink("/proc/self/exe"); }));
    const UniqueFd taken{::open(exe.c_str(), O_PATH | O_CLOEXEC)};
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string path = fmt::format("/proc/self/fd/{}", taken.get());
    const UniqueFd writable{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    EXPECT_FALSE(writable.valid());
    EXPECT_EQ(errno, EROFS);
    EXPECT_FALSE(runs_protected());
}

}  // namespace
}  // namespace stack::test
