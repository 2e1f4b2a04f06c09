// Namespaces new and joined, user namespaces with what they take, clocks, idmapped mounts.
#include "runtime/base/path_at.hpp"
#include "runtime/id_maps.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/default_mounts.hpp"
#include "tests/support/first_cpu.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

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

constexpr IdMapping kShifted{0, 100000, 65536};

std::string namespace_of(pid_t pid, const char* kind) {
    return fs::read_symlink(fmt::format("/proc/{}/ns/{}", pid, kind));
}

class RuntimeNamespaces : public RuntimeTest {
  protected:
    ContainerSpec shifted(std::vector<std::string> args) {
        ContainerSpec wanted = spec(std::move(args));
        wanted.namespaces.push_back({NamespaceKind::user, ""});
        wanted.uid_mappings = wanted.gid_mappings = {kShifted};
        return wanted;
    }
    static NamespaceSpec* find(ContainerSpec& from, NamespaceKind kind) {
        for (NamespaceSpec& entry : from.namespaces)
            if (entry.kind == kind) return &entry;
        from.namespaces.push_back({kind, ""});
        return &from.namespaces.back();
    }
};

TEST_F(RuntimeNamespaces, OverlayOfAUserNamespaceShowsTheImagesIds) {
    const ContainerSpec wanted = shifted(
        {"sh", "-c",
         "stat -c %u:%g /bin /etc/passwd; echo x > /etc/new; chown 7:8 /etc/new; cat /proc/self/uid_map"});
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, AllOf(StartsWith("0:0\n0:0\n"), HasSubstr("100000"))) << result.error;
    struct stat info {};
    ASSERT_EQ(::stat((wanted.root.upper + "/etc/new").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 100007u);
    EXPECT_EQ(info.st_gid, 100008u);
    EXPECT_EQ(read_file("/proc/self/mountinfo").find(wanted.root.upper), std::string::npos);
}

TEST_F(RuntimeNamespaces, DevicesOfAUserNamespaceAreTheHostsAndWhatTheyAreSaidToBe) {
    const std::string zero = dir().file("zero"), file = dir().write("file", "canary");
    ASSERT_EQ(::mknod(zero.c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
    ContainerSpec wanted = shifted({"sh", "-c", fmt::format("stat -c '%F %t:%T' {} /dev/pipe", zero)});
    wanted.devices = {{zero, 'c', 1, 5}, {"/dev/pipe", 'p', 0, 0}};
    EXPECT_EQ(run(wanted).out, "character special file 1:5\nfifo 0:0\n");
    const auto refused = [&](const DeviceSpec& device) {
        wanted.devices = {device};
        return run(wanted).error;
    };
    EXPECT_THAT(refused({zero, 'c', 1, 3}),
                HasSubstr("the host has something else there than character device 1:3"));
    EXPECT_THAT(refused({zero, 'b', 1, 5}), HasSubstr("something else there than block device 1:5"));
    EXPECT_THAT(refused({file, 'c', 1, 5}), HasSubstr("something else there than character device 1:5"));
    EXPECT_THAT(refused({"/dev/no-such", 'c', 1, 5}), HasSubstr("opening device /dev/no-such"));
}

TEST_F(RuntimeNamespaces, OverlayOfAUserNamespaceNeedsNoLayerAppend) {
    HostFacts old = facts();
    old.overlay_layer_append = false;
    ContainerSpec wanted =
        shifted({"sh", "-c", "cat /etc/layer0 /etc/layer99 /etc/top; stat -c %u /etc/top; : > /etc/new"});
    for (int i = 99; i >= 0; --i) {
        // The names together don't fit into the page that mount(2) takes.
        dir().write(fmt::format("layers/{:0>60}/etc/layer{}", i, i), fmt::format("{}\n", i));
        dir().write(fmt::format("layers/{:0>60}/etc/top", i), fmt::format("from {}\n", i));
        wanted.root.lower.insert(wanted.root.lower.begin(), dir().file(fmt::format("layers/{:0>60}", i)));
    }
    EXPECT_EQ(run(wanted, old).out, "0\n99\nfrom 0\n0\n");
    struct stat info {};
    ASSERT_EQ(::stat((wanted.root.upper + "/etc/new").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 100000u);
    EXPECT_EQ(read_file("/proc/self/mountinfo").find(dir().path()), std::string::npos);
    wanted.root.lower.resize(300, image());
    EXPECT_THAT(run(wanted, old).error, HasSubstr("an overlay root of 300 layers needs Linux 6.8"));
}

// As systemd has them.
TEST_F(RuntimeNamespaces, SharedMountsOfTheHostNeitherStopAUserNamespaceNorHearOfIt) {
    const PrivateNamespaces surroundings;
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr), 0);
    const std::string before = read_file("/proc/self/mountinfo");
    fs::permissions(dir().path(), fs::perms::all);
    for (const bool plain : {true, false}) {
        ContainerSpec wanted = shifted(
            {"sh", "-c", "busybox mount --bind /dev/zero /dev/null && echo mounted; exec sleep 1000"});
        if (plain) {
            wanted.root = plain_spec({}).root;
            ASSERT_EQ(::chown(plain_root().c_str(), 100000, 100000), 0);
        }
        wanted.process.capabilities = capability_sets({"CAP_SYS_ADMIN"});
        wanted.seccomp.kind = SeccompSpec::Kind::unconfined;
        Pipe output = make_pipe();
        LaunchFds fds;
        fds.out = fds.err = output.write.get();
        start(wanted, fds);
        char word[9] = {};
        ASSERT_EQ(::read(output.read.get(), word, 8), 8);
        EXPECT_STREQ(word, "mounted\n");
        EXPECT_EQ(read_file("/proc/self/mountinfo"), before);
    }
}

TEST_F(RuntimeNamespaces, SourcesThatOnlyTheHostsRootMayReachAreBoundIntoAUserNamespace) {
    dir().write("private/inner/data/file", "reached");
    fs::permissions(dir().file("private"), fs::perms::owner_all);
    ContainerSpec wanted =
        shifted({"sh", "-c", "cat /data/file; stat -c %u /data/file; : > /dev/null; ls -l /dev/pts/ptmx"});
    wanted.mounts = with_default_mounts({{"/data", "bind", dir().file("private/inner/data"), {"rbind"}, ""}});
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, StartsWith("reached65534\n")) << result.error;
    wanted.mounts.back().options.emplace_back("idmap");
    EXPECT_THAT(run(wanted).out, StartsWith("reached0\n"));
}

TEST_F(RuntimeNamespaces, IdmappedMountHasItsOwnMappingsWithoutAUserNamespace) {
    dir().write("data/file", "x");
    ASSERT_EQ(::chown(dir().file("data/file").c_str(), 1000, 1001), 0);
    ContainerSpec wanted = spec({"stat", "-c", "%u:%g", "/data/file"});
    wanted.mounts = with_default_mounts({{"/data", "bind", dir().file("data"), {"bind"}, ""}});
    wanted.mounts.back().uid_mappings = {{1000, 5000, 1}};
    wanted.mounts.back().gid_mappings = {{1001, 5001, 1}};
    EXPECT_EQ(run(wanted).out, "5000:5001\n");
    wanted.mounts.back().gid_mappings.clear();
    EXPECT_THAT(run(wanted).error, HasSubstr("has mappings of uids or of gids only"));
    wanted.mounts = with_default_mounts({{"/data", "bind", "/proc/sys", {"bind", "idmap"}, ""}});
    EXPECT_THAT(run(wanted).error, HasSubstr("an idmapped mount needs mappings"));
    wanted.mounts.back().uid_mappings = wanted.mounts.back().gid_mappings = {kShifted};
    EXPECT_THAT(run(wanted).error, HasSubstr("its file system can't be mounted with mapped ids"));
}

TEST_F(RuntimeNamespaces, SysIsTheHostsReadOnlyWhereTheNetworkIsNotOnesOwn) {
    ContainerSpec wanted =
        shifted({"sh", "-c", "ls /sys/class | head -n1; mkdir /sys/fs/cgroup/x; grep ' /sys ' /proc/mounts"});
    find(wanted, NamespaceKind::network)->path = "/proc/self/ns/net";
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("Read-only file system"), HasSubstr("sysfs ro,nosuid,nodev,noexec")))
        << result.error;
}

TEST_F(RuntimeNamespaces, UserNamespaceOfAnotherContainerIsJoinedWithNamespacesOfOnesOwn) {
    const PendingProcess& other = start(shifted({"sleep", "1000"}));
    ContainerSpec wanted = plain_spec(
        {"sh", "-c",
         "cat /proc/self/uid_map; readlink /proc/self/ns/user; readlink /proc/self/ns/pid; echo $$"});
    fs::permissions(dir().path(), fs::perms::all);
    find(wanted, NamespaceKind::user)->path = fmt::format("/proc/{}/ns/user", other.pid());
    ASSERT_EQ(::chown(plain_root().c_str(), 100000, 100000), 0);
    fs::create_symlink("busybox", plain_root() + "/bin/readlink");
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, AllOf(HasSubstr("100000"), HasSubstr(namespace_of(other.pid(), "user")),
                                  Not(HasSubstr(namespace_of(other.pid(), "pid"))), EndsWith("\n1\n")))
        << result.error;
}

// A process in a mount namespace of its own, until its input ends.
class MountNamespaceHolder {
  public:
    MountNamespaceHolder() {
        pid_ = ::fork();
        if (pid_ == 0) {
            char byte;
            const bool alone = ::unshare(CLONE_NEWNS) == 0 && ::write(ready_.b.get(), "", 1) == 1;
            ::close(go_.b.get());
            ::_exit(alone && ::read(go_.a.get(), &byte, 1) == 0 ? 0 : 1);
        }
        char byte;
        EXPECT_EQ(::read(ready_.a.get(), &byte, 1), 1);
        namespace_.reset(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
    }
    MountNamespaceHolder(const MountNamespaceHolder&) = delete;
    MountNamespaceHolder& operator=(const MountNamespaceHolder&) = delete;
    ~MountNamespaceHolder() { leave(); }
    [[nodiscard]] std::string path() const { return fmt::format("/proc/{}/ns/mnt", pid_); }
    [[nodiscard]] std::string path_of_descriptor() const {
        return fmt::format("/proc/{}/fd/{}", ::getpid(), namespace_.get());
    }
    void leave() {
        go_.b.reset();
        if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

  private:
    SocketPair ready_ = make_socket_pair(SOCK_STREAM), go_ = make_socket_pair(SOCK_STREAM);
    pid_t pid_ = -1;
    UniqueFd namespace_;
};

TEST_F(RuntimeNamespaces, AMountNamespaceThatWasMadeForItIsJoined) {
    MountNamespaceHolder holder;
    const std::string joined = fs::read_symlink(holder.path());
    ASSERT_NE(joined, namespace_of(::getpid(), "mnt"));
    ContainerSpec wanted = spec({"sh", "-c", "readlink /proc/self/ns/mnt; grep -c . /proc/mounts; ls /"});
    find(wanted, NamespaceKind::mount)->path = holder.path();
    const ContainerRun refused = run(wanted);
    EXPECT_THAT(refused.error, HasSubstr("is in the mount namespace /proc/"));
    EXPECT_THAT(refused.hint, HasSubstr("join one that was made for it"));
    ContainerSpec mapped = shifted({"true"});
    find(mapped, NamespaceKind::mount)->path = holder.path_of_descriptor();
    EXPECT_THAT(run(mapped).error, HasSubstr("can't be joined beside a user namespace"));
    find(wanted, NamespaceKind::mount)->path = holder.path_of_descriptor();
    holder.leave();
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, AllOf(StartsWith(joined + "\n"), Not(HasSubstr("usr\n")))) << result.error;
}

TEST_F(RuntimeNamespaces, EveryNamespaceButTheMountsCanBeAnothersByPath) {
    ContainerSpec first = spec({"sleep", "1000"});
    first.namespaces.push_back({NamespaceKind::time, ""});
    const PendingProcess& other = start(first);
    ContainerSpec wanted = spec(
        {"sh", "-c", "for n in cgroup ipc net time uts; do readlink /proc/self/ns/$n; done; ls -d /proc/1"});
    wanted.hostname.clear();
    std::string expected;
    for (const auto& [kind, name] :
         {std::pair{NamespaceKind::cgroup, "cgroup"}, std::pair{NamespaceKind::ipc, "ipc"},
          std::pair{NamespaceKind::network, "net"}, std::pair{NamespaceKind::time, "time"},
          std::pair{NamespaceKind::uts, "uts"}, std::pair{NamespaceKind::pid, "pid"}}) {
        find(wanted, kind)->path = fmt::format("/proc/{}/ns/{}", other.pid(), name);
        if (kind != NamespaceKind::pid) expected += namespace_of(other.pid(), name) + "\n";
    }
    const ContainerRun result = run(wanted);
    EXPECT_EQ(result.out, expected + "/proc/1\n") << result.error;
}

TEST_F(RuntimeNamespaces, ClocksHaveTheirOffsetsAlsoInAUserNamespaceAndForExec) {
    for (const bool user : {false, true}) {
        ContainerSpec wanted = user ? shifted({"sleep", "1000"}) : spec({"sleep", "1000"});
        wanted.namespaces.push_back({NamespaceKind::time, ""});
        wanted.time_offsets = {{"monotonic", {86400, 5}}, {"boottime", {604800, 0}}};
        const PendingProcess& container = start(wanted);
        ProcessSpec process = wanted.process;
        process.args = {
            "sh", "-c",
            "cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime; readlink /proc/self/ns/user"};
        const ContainerRun result = exec(container.handle(), process);
        EXPECT_THAT(result.out, AllOf(HasSubstr("monotonic"), HasSubstr("86400"), HasSubstr("604800"),
                                      EndsWith(namespace_of(container.pid(), "user") + "\n")))
            << result.error;
        EXPECT_NE(namespace_of(container.pid(), "time"), namespace_of(::getpid(), "time"));
    }
    ContainerSpec wanted = spec({"true"});
    wanted.time_offsets = {{"monotonic", {1, 0}}};
    EXPECT_THAT(run(wanted).error, HasSubstr("time offsets need a new time namespace"));
    wanted.namespaces.push_back({NamespaceKind::time, ""});
    wanted.time_offsets = {{"realtime", {1, 0}}};
    EXPECT_THAT(run(wanted).error, HasSubstr("no clock \"realtime\""));
    wanted.time_offsets = {{"monotonic", {-4'000'000'000, 0}}};
    EXPECT_THAT(run(wanted).error, HasSubstr("a clock would be before 0"));
}

TEST_F(RuntimeNamespaces, HooksAndGateWorkBehindAUserNamespace) {
    ContainerSpec wanted =
        shifted({"sh", "-c", "cat /etc/hooked; grep -c ' / / .* shared:' /proc/self/mountinfo"});
    wanted.root.propagation = "rshared";
    wanted.hooks.create_container = {
        {"/bin/sh",
         {"sh", "-c", fmt::format("echo $(cat) $(id -u) > {}/etc/hooked", wanted.root.work)},
         {},
         {}}};
    fs::permissions(dir().path(), fs::perms::all);  // the root's path must be in reach of the namespace
    Pipe output = make_pipe();
    LaunchFds fds;
    fds.out = fds.err = output.write.get();
    PendingProcess process = begin_launch(wanted, fds, {}, facts());
    output.write.reset();
    process.wait_for_hooks();
    EXPECT_NE(namespace_of(process.pid(), "user"), namespace_of(::getpid(), "user"));
    process.hooks_done("state");
    process.wait_until_started();
    EXPECT_EQ(read_until_end(output.read.get()), "state 0\n1\n");
    wait_for_exit(process.handle());
}

TEST_F(RuntimeNamespaces, WithoutAPidNamespaceTheContainerIsAnOrdinaryProcess) {
    ContainerSpec wanted = spec({"sh", "-c", "test $$ != 1 && echo ordinary"});
    std::erase_if(wanted.namespaces,
                  [](const NamespaceSpec& entry) { return entry.kind == NamespaceKind::pid; });
    EXPECT_EQ(run(wanted).out, "ordinary\n");
}

TEST_F(RuntimeNamespaces, SchedulingPersonalityAndAffinityAreSet) {
    ContainerSpec wanted = spec({"sh", "-c", "cut -d' ' -f19,41 /proc/self/stat"});
    wanted.process.scheduler = SchedulerSpec{"SCHED_BATCH", 5, 0, {}, 0, 0, 0};
    wanted.process.io_priority = IoPrioritySpec{"IOPRIO_CLASS_IDLE", 0};
    wanted.personality = 0x0008;  // PER_LINUX32
    EXPECT_THAT(run(wanted).out, StartsWith("5 3\n"));
    wanted.process.scheduler->policy = "SCHED_FIRST";
    EXPECT_THAT(run(wanted).error, HasSubstr("there is no scheduler policy \"SCHED_FIRST\""));
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    ProcessSpec process = wanted.process;
    process.scheduler.reset();
    process.io_priority.reset();
    const int cpu = first_cpu();
    process.initial_cpu_affinity = fmt::format("{}-{}", cpu, cpu + 1);
    process.final_cpu_affinity = std::to_string(cpu);
    process.args = {"grep", "Cpus_allowed_list", "/proc/self/status"};
    EXPECT_EQ(exec(container.handle(), process).out, fmt::format("Cpus_allowed_list:\t{}\n", cpu));
    process.final_cpu_affinity = "0-x";
    EXPECT_THAT(exec(container.handle(), process).error, HasSubstr("is not a list of CPUs"));
}

TEST_F(RuntimeNamespaces, RootHasThePropagationThatIsAskedFor) {
    ContainerSpec wanted = spec({"grep", "-c", " / / .* shared:", "/proc/self/mountinfo"});
    EXPECT_EQ(run(wanted).out, "0\n");
    wanted.root.propagation = "rshared";
    EXPECT_EQ(run(wanted).out, "1\n");
    wanted.root.propagation = "rslave";
    EXPECT_EQ(run(wanted).out, "0\n");
    wanted.root.propagation = "public";
    EXPECT_THAT(run(wanted).error, HasSubstr("there is no mount propagation \"public\""));
}

TEST_F(RuntimeNamespaces, FailuresOnBothSidesOfTheUserNamespaceLeaveNothing) {
    ContainerSpec wanted = shifted({"true"});
    wanted.mounts = with_default_mounts({{"/data", "bind", dir().file("missing"), {"bind"}, ""}});
    EXPECT_THAT(run(wanted).error, HasSubstr("missing: No such file or directory"));
    wanted.mounts = with_default_mounts({{"/data", "tmpfs", "tmpfs", {"size=lots"}, ""}});
    EXPECT_THAT(run(wanted).error, HasSubstr("tmpfs option size=lots"));
    wanted = shifted({"true"});
    wanted.uid_mappings = {{0, 0, 10}, {5, 100, 10}};
    EXPECT_THAT(run(wanted).error, HasSubstr("uid_map"));
    wanted.uid_mappings.clear();
    EXPECT_THAT(run(wanted).error, HasSubstr("needs uid and gid mappings"));
}

// A supervisor starts several containers at once: the processes that hold namespaces must not wait for one another.
TEST(IdMaps, NamespacesAreMadeBesideEachOther) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const std::vector<IdMapping> maps{{0, 100000, 10}};
    std::atomic<int> made = 0;
    constexpr int kThreads = 4;
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread)
        threads.emplace_back([&] {
            for (int round = 0; round < 50; ++round)
                made +=
                    make_id_map_namespace(maps, maps).valid() && make_owned_network(maps, maps).user.valid();
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(made, 200);
}

}  // namespace
}  // namespace stack::test
