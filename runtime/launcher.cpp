#include "runtime/launcher.hpp"

#include "runtime/base/error.hpp"
#include "runtime/id_map_plan.hpp"
#include "runtime/id_maps.hpp"
#include "runtime/init_child.hpp"
#include "runtime/joined_mounts.hpp"
#include "runtime/pending_process.hpp"
#include "runtime/pipe_owner.hpp"
#include "runtime/protected_exe.hpp"
#include "runtime/seccomp_listener.hpp"
#include "runtime/seccomp_program.hpp"
#include "runtime/security_labels.hpp"
#include "runtime/state_document.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr std::uint64_t kCloneClearSighand = 0x100000000ULL;
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000ULL;
constexpr std::size_t kScratchSize = 128 * 1024;

// The child must run none of our signal handlers (Asio's write into our own pipe), be traced by nobody inside the
// namespaces that it is born into, and be born there: all three are this thread's state around clone3.
class CloneSurroundings {
  public:
    explicit CloneSurroundings(int pid_namespace) {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &old_mask_);
        was_dumpable_ = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
        if (was_dumpable_) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        if (pid_namespace < 0) return;
        own_pid_namespace_.reset(::open("/proc/thread-self/ns/pid_for_children", O_RDONLY | O_CLOEXEC));
        if (!own_pid_namespace_.valid() || ::setns(pid_namespace, CLONE_NEWPID) != 0) {
            const int error = errno;
            restore();
            throw Error::from_errno(error, "join the pid namespace");
        }
    }
    CloneSurroundings(const CloneSurroundings&) = delete;
    CloneSurroundings& operator=(const CloneSurroundings&) = delete;
    ~CloneSurroundings() {
        if (own_pid_namespace_.valid()) ::setns(own_pid_namespace_.get(), CLONE_NEWPID);
        restore();
    }

  private:
    void restore() {
        if (was_dumpable_) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
    }
    sigset_t old_mask_{};
    bool was_dumpable_ = false;
    UniqueFd own_pid_namespace_;
};

// Everything the child reads, in memory that it shares with us copy-on-write.
struct Preparation {
    std::vector<int> fds;
    std::vector<int> keep;
    std::vector<char*> argv, env;
    std::vector<char> home;
    std::unique_ptr<char[]> scratch;  // not touched here: pages that the child doesn't use never come to be
    char* home_entry = nullptr;
    ChildInput input;
};

void prepare_vectors(Preparation& child, InitProgram& program) {
    static char init_name[] = "stack-init";
    child.argv.push_back(
        init_name);  // passed only when stack-init runs the command; the path found follows it then
    for (std::string& argument : program.argv) child.argv.push_back(argument.data());
    child.argv.push_back(nullptr);
    for (std::string& entry : program.env) child.env.push_back(entry.data());
    if (program.home_from_passwd) {
        child.home.resize(5 + kMaxHome);
        child.home_entry = child.home.data();
        child.env.push_back(child.home_entry);
    }
    child.env.push_back(nullptr);
    child.scratch = std::make_unique_for_overwrite<char[]>(kScratchSize);
}

pid_t clone_process(clone_args& arguments) {
    return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

}  // namespace

namespace {

using State = PendingProcess::State;

struct CloneOptions {
    int pid_namespace = -1;
    const LaunchOptions* launch = nullptr;
    const SeccompProfile* notifying = nullptr;  ///< the profile, if it has a listener
    UniqueFd joined_network{};                  ///< into which network devices are to go
    std::function<std::string(pid_t)> container_state{};
};

// Fills the table of descriptors: inputs as the parent has them, the rest empty.
void prepare_descriptors(Preparation& child, const InitProgram& program,
                         const std::map<std::string, int>& inputs, int channel, int preserve_fds) {
    child.fds.assign(program.slots.size(), -1);
    child.keep.push_back(channel);
    for (int number = 3; number < 3 + preserve_fds; ++number) child.keep.push_back(number);
    for (std::size_t i = 0; i < program.slots.size(); ++i) {
        const auto input = inputs.find(program.slots[i]);
        if (input == inputs.end()) continue;
        child.fds[i] = input->second;
        if (input->second > 2) child.keep.push_back(input->second);
    }
    std::sort(child.keep.begin(), child.keep.end());
    child.keep.erase(std::unique(child.keep.begin(), child.keep.end()), child.keep.end());
}

// The numbers up to there are the new program's own.
UniqueFd above(int highest, UniqueFd fd) {
    if (fd.get() > highest) return fd;
    UniqueFd moved{::fcntl(fd.get(), F_DUPFD_CLOEXEC, highest + 1)};
    if (!moved.valid()) throw_errno("duplicate descriptor");
    return moved;
}

void check_preserved(int count) {
    if (count < 0) throw Error{ErrorKind::invalid_input, "the number of preserved descriptors is negative"};
    for (int number = 3; number < 3 + count; ++number)
        if (::fcntl(number, F_GETFD) < 0)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("descriptor {} is to be preserved and is not open", number)};
}

PendingProcess begin(InitProgram program, const std::map<std::string, int>& inputs, CloneOptions options) {
    auto state = std::make_unique<State>();
    state->program = std::move(program);
    state->reaped_by_us = !options.launch->clone_parent;
    state->own_gate = options.launch->start_socket < 0;
    state->joined_network = std::move(options.joined_network);
    SocketPair channel = make_socket_pair(SOCK_SEQPACKET);
    state->channel = std::move(channel.a);
    const int preserved = options.launch->preserve_fds;
    check_preserved(preserved);
    const UniqueFd child_end = above(2 + preserved, std::move(channel.b));

    if (options.notifying) state->agent_text.emplace();
    Preparation child;
    prepare_descriptors(child, state->program, inputs, child_end.get(), preserved);
    prepare_vectors(child, state->program);
    if (options.launch->record_times) state->times = SharedTimes{state->program.steps.size() + 1};
    child.input = ChildInput{&state->program,
                             child.fds.data(),
                             child_end.get(),
                             child.keep.data(),
                             child.keep.size(),
                             child.argv.data(),
                             child.env.data(),
                             child.home_entry ? &child.home_entry : nullptr,
                             child.scratch.get(),
                             kScratchSize,
                             state->agent_text ? state->agent_text->content() : nullptr,
                             state->times.get()};

    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = state->program.clone_flags | CLONE_PIDFD | kCloneClearSighand;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    arguments.exit_signal = options.launch->clone_parent ? 0 : SIGCHLD;
    if (options.launch->clone_parent) arguments.flags |= CLONE_PARENT;
    if (options.launch->cgroup.clone_into >= 0) {
        arguments.flags |= kCloneIntoCgroup;
        arguments.cgroup = static_cast<std::uint64_t>(options.launch->cgroup.clone_into);
    }
    pid_t pid;
    int error;
    {
        const CloneSurroundings surroundings{options.pid_namespace};
        state->cloned_at = monotonic_now();
        pid = clone_process(arguments);
        if (pid == 0) run_init_program(child.input);
        error = errno;
    }
    if (pid < 0) {
        Error failure = Error::from_errno(error, "create a process in new namespaces");
        if (error == EPERM)
            failure.with_hint("making containers needs root, or a user namespace of one's own");
        if (error == ENOSPC || error == EUSERS)
            failure.with_hint("the number of namespaces is limited by /proc/sys/user/max_*_namespaces");
        throw failure;
    }
    state->handle = ProcessHandle{UniqueFd{pidfd}, pid};
    if (options.notifying)
        state->agent_text->write(
            container_process_state(pid, options.container_state(pid), options.notifying->listener_metadata));
    if ((state->program.clone_flags & CLONE_NEWUSER) != 0) state->write_id_maps();
    if (!state->respawns()) state->move_net_devices();
    return PendingProcess{std::move(state)};
}

// What the slots of a shape stand for, here.
struct Inputs {
    LaunchShape shape;
    std::map<std::string, int> fds;
    UniqueFd init, start, agent;
    std::vector<UniqueFd> id_maps;

    void add_streams(const LaunchFds& given) {
        const auto add = [&](bool& present, const char* name, int fd) {
            present = fd >= 0;
            if (present) fds[name] = fd;
        };
        add(shape.in, "stdin", given.in);
        add(shape.out, "stdout", given.out);
        add(shape.err, "stderr", given.err);
        add(shape.network, "network", given.network_namespace);
    }
    void add_cgroups(const CgroupPlacement& placement) {
        shape.task_files = placement.task_files.size();
        for (std::size_t i = 0; i < placement.task_files.size(); ++i)
            fds[fmt::format("tasks{}", i)] = placement.task_files[i];
    }
    void add_options(const LaunchOptions& options) {
        shape.preserve_fds = options.preserve_fds;
        shape.new_keyring = options.new_keyring;
        shape.pivot = options.pivot;
        shape.start_socket = options.start_socket >= 0;
        if (!shape.start_socket) return;
        start = above(2 + options.preserve_fds, duplicate_fd(options.start_socket));
        fds["start"] = start.get();
    }
    /// The profile, when its listener goes to an agent, which is connected now.
    const SeccompProfile* add_agent(const SeccompSpec& seccomp, int preserve_fds) {
        const bool asks =
            seccomp.kind == SeccompSpec::Kind::profile && seccomp.profile && asks_listener(*seccomp.profile);
        if (!asks) return nullptr;
        agent = above(2 + preserve_fds, connect_seccomp_agent(seccomp.profile->listener_path));
        shape.seccomp_agent = true;
        fds["agent"] = agent.get();
        return &*seccomp.profile;
    }
    void add_init(const std::string& path, int preserve_fds) {
        init = above(2 + preserve_fds, protected_program(path));
        shape.init = true;
        fds["init"] = init.get();
    }
    void add_id_maps(const ContainerSpec& spec) {
        for (const IdMaps& maps : wanted_id_maps(spec)) {
            id_maps.push_back(make_id_map_namespace(maps.uids, maps.gids));
            fds[fmt::format("idmap{}", shape.id_maps++)] = id_maps.back().get();
        }
    }
    void add_named(const std::string& slot, int fd) {
        shape.named.push_back(slot.substr(3));
        fds[slot] = fd;
    }
};

int named_descriptor(const LaunchFds& fds, const std::string& path) {
    const auto entry = fds.named.find(path.substr(3));
    if (entry == fds.named.end())
        throw Error{ErrorKind::internal,
                    fmt::format("the spec refers to descriptor \"{}\", which is not given", path)};
    return entry->second;
}

// Mounts that somebody else has made.
void add_given_mounts(const ContainerSpec& spec, const LaunchFds& fds, Inputs& inputs) {
    for (const MountSpec& mount : spec.mounts)
        if (mount.source.starts_with("fd:") && !inputs.fds.contains(mount.source))
            inputs.add_named(mount.source, named_descriptor(fds, mount.source));
}

bool is_own_namespace(const struct stat& other, const char* kind) {
    struct stat own {};
    return ::stat(fmt::format("/proc/self/ns/{}", kind).c_str(), &own) == 0 && own.st_dev == other.st_dev &&
           own.st_ino == other.st_ino;
}

// The namespace that a container joins instead of a new one; invalid: it joins none.
UniqueFd joined_namespace(const ContainerSpec& spec, const LaunchFds& fds, NamespaceKind kind) {
    if (kind == NamespaceKind::network && fds.network_namespace >= 0)
        return duplicate_fd(fds.network_namespace);
    const NamespaceSpec* entry = find_namespace(spec, kind);
    if (entry == nullptr || entry->path.empty()) return {};
    if (entry->path.starts_with("fd:")) return duplicate_fd(named_descriptor(fds, entry->path));
    UniqueFd opened{::open(entry->path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!opened.valid()) throw_errno(fmt::format("open {}", entry->path));
    return opened;
}

// A namespace that is joined by a path or descriptor may be the host's in disguise. Asked for only where it matters.
std::vector<NamespaceKind> host_namespaces(const ContainerSpec& spec, const LaunchFds& fds) {
    constexpr std::pair<NamespaceKind, const char*> kMattering[] = {{NamespaceKind::network, "net"},
                                                                    {NamespaceKind::ipc, "ipc"},
                                                                    {NamespaceKind::uts, "uts"},
                                                                    {NamespaceKind::cgroup, "cgroup"}};
    std::vector<NamespaceKind> result;
    for (const auto& [kind, name] : kMattering) {
        if (kind != NamespaceKind::cgroup && spec.sysctl.empty() && spec.net_devices.empty()) continue;
        const UniqueFd joined = joined_namespace(spec, fds, kind);
        struct stat info {};
        if (joined.valid() && ::fstat(joined.get(), &info) == 0 && is_own_namespace(info, name))
            result.push_back(kind);
    }
    return result;
}

bool is_owner_of(int user_namespace, int other_namespace) {
    const UniqueFd owner{::ioctl(other_namespace, NS_GET_USERNS)};
    struct stat a {
    }, b{};
    return owner.valid() && ::fstat(owner.get(), &a) == 0 && ::fstat(user_namespace, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

constexpr std::pair<const char*, int> kJoinable[] = {
    {"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},
    {"net", CLONE_NEWNET},   {"ipc", CLONE_NEWIPC},
    {"uts", CLONE_NEWUTS},   {"cgroup", CLONE_NEWCGROUP},
    {"pid", CLONE_NEWPID},   {"time", 0x80 /* CLONE_NEWTIME */}};

// Which namespaces a process has that we have not.
int foreign_namespaces(pid_t pid) {
    int flags = 0;
    for (const auto& [name, flag] : kJoinable) {
        struct stat own {
        }, other{};
        if (::stat(fmt::format("/proc/self/ns/{}", name).c_str(), &own) != 0) continue;
        const std::string path = fmt::format("/proc/{}/ns/{}", pid, name);
        if (::stat(path.c_str(), &other) != 0) {
            Error error = Error::from_errno(errno, fmt::format("look at {}", path));
            // Before its exec it is a copy of the runtime, and that is the host's.
            if (error.code() == EACCES)
                error.with_hint(
                    "without privileges only the user who made a container joins it, once it has been "
                    "started");
            throw error;
        }
        if (own.st_dev != other.st_dev || own.st_ino != other.st_ino) flags |= flag;
    }
    return flags;
}

}  // namespace

PendingProcess begin_launch(const ContainerSpec& spec, const LaunchFds& fds, const LaunchOptions& options,
                            const HostFacts& facts) {
    Inputs inputs;
    inputs.add_streams(fds);
    inputs.add_cgroups(options.cgroup);
    inputs.add_options(options);
    if (spec.init) inputs.add_init(options.init_path, options.preserve_fds);
    inputs.add_id_maps(spec);
    inputs.shape.host_namespaces = host_namespaces(spec, fds);
    check_labels(spec.process, spec.mount_label);
    check_joined_mounts(spec);
    if (facts.privileged) give_pipes_to_root_of(spec, fds);
    CloneOptions clone{-1, &options};
    if (!spec.net_devices.empty()) clone.joined_network = joined_namespace(spec, fds, NamespaceKind::network);
    clone.notifying = inputs.add_agent(spec.seccomp, options.preserve_fds);
    clone.container_state = options.container_state;
    if (!clone.container_state)
        clone.container_state = [&spec](pid_t pid) {
            return state_text({.id = spec.id,
                               .status = "creating",
                               .pid = pid,
                               .bundle = {},
                               .annotations = spec.annotations});
        };
    UniqueFd pid_namespace;
    for (const NamespaceSpec& entry : spec.namespaces) {
        if (entry.path.empty() || (entry.kind == NamespaceKind::network && inputs.shape.network)) continue;
        const bool given = entry.path.starts_with("fd:");
        if (given && entry.kind != NamespaceKind::pid)
            inputs.add_named(entry.path, named_descriptor(fds, entry.path));
        if (given && entry.kind == NamespaceKind::user && inputs.shape.network)
            inputs.shape.owns_network = is_owner_of(named_descriptor(fds, entry.path), fds.network_namespace);
        if (entry.kind != NamespaceKind::pid) continue;
        if (!given) {
            pid_namespace.reset(::open(entry.path.c_str(), O_RDONLY | O_CLOEXEC));
            if (!pid_namespace.valid()) throw_errno(fmt::format("open {}", entry.path));
        }
        clone.pid_namespace = given ? named_descriptor(fds, entry.path) : pid_namespace.get();
        inputs.shape.joined_pid_namespace = true;
    }
    add_given_mounts(spec, fds, inputs);
    return begin(build_init_program(spec, facts, inputs.shape), inputs.fds, std::move(clone));
}

PendingProcess begin_exec(const ExecTarget& target, const ProcessSpec& process, const LaunchFds& fds,
                          const LaunchOptions& options, const HostFacts& facts) {
    const auto ended = [] { return Error{ErrorKind::conflict, "the container is not running"}; };
    if (!target.init || !target.init->alive()) throw ended();
    check_labels(process, {});
    Inputs inputs;
    LaunchFds streams = fds;
    streams.network_namespace = -1;
    inputs.add_streams(streams);
    inputs.add_cgroups(options.cgroup);
    inputs.add_options(options);
    inputs.add_named("fd:target", target.init->pidfd());
    int namespaces = 0;
    try {
        namespaces = foreign_namespaces(target.init->pid());
    } catch (const Error& error) {
        // One that ends has no namespaces any more, while the kernel still waits for the last of its descendants.
        if (!target.init->alive() || error.code() == ENOENT) throw ended();
        throw;
    }
    if (!target.init->alive()) throw ended();  // else what was read may be of a process with a recycled pid
    CloneOptions clone{-1, &options};
    clone.notifying = inputs.add_agent(target.seccomp, options.preserve_fds);
    clone.container_state = options.container_state;
    if (clone.notifying && !clone.container_state)
        throw Error{ErrorKind::internal, "an exec under a notifying profile needs the container's state"};
    if (facts.privileged && (namespaces & CLONE_NEWUSER) != 0) give_pipes_to_root_of(target.init->pid(), fds);
    inputs.shape.exec_personality = target.personality;
    InitProgram program = build_exec_program(process, target.seccomp, namespaces, facts, inputs.shape);
    try {
        return begin(std::move(program), inputs.fds, std::move(clone));
    } catch (const Error& error) {
        if (error.code() == ESRCH) throw ended();
        throw;
    }
}

}  // namespace stack
