#include "runtime/init_program.hpp"

#include "runtime/base/text.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/mount_plan.hpp"
#include "runtime/mount_requests.hpp"
#include "runtime/program_builder.hpp"
#include "runtime/seccomp.hpp"
#include "runtime/seccomp_program.hpp"

#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr int kCloneNewTime = 0x80;

int clone_flag(NamespaceKind kind) {
    switch (kind) {
        case NamespaceKind::pid:
            return CLONE_NEWPID;
        case NamespaceKind::network:
            return CLONE_NEWNET;
        case NamespaceKind::mount:
            return CLONE_NEWNS;
        case NamespaceKind::ipc:
            return CLONE_NEWIPC;
        case NamespaceKind::uts:
            return CLONE_NEWUTS;
        case NamespaceKind::user:
            return CLONE_NEWUSER;
        case NamespaceKind::cgroup:
            return CLONE_NEWCGROUP;
        case NamespaceKind::time:
            return kCloneNewTime;
    }
    return 0;
}

const char* namespace_name(NamespaceKind kind) {
    switch (kind) {
        case NamespaceKind::pid:
            return "pid";
        case NamespaceKind::network:
            return "network";
        case NamespaceKind::mount:
            return "mount";
        case NamespaceKind::ipc:
            return "ipc";
        case NamespaceKind::uts:
            return "uts";
        case NamespaceKind::user:
            return "user";
        case NamespaceKind::cgroup:
            return "cgroup";
        case NamespaceKind::time:
            return "time";
    }
    return "";
}

struct RlimitName {
    const char* name;
    int resource;
};
constexpr RlimitName kRlimits[] = {{"RLIMIT_AS", RLIMIT_AS},
                                   {"RLIMIT_CORE", RLIMIT_CORE},
                                   {"RLIMIT_CPU", RLIMIT_CPU},
                                   {"RLIMIT_DATA", RLIMIT_DATA},
                                   {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                                   {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                                   {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                   {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                                   {"RLIMIT_NICE", RLIMIT_NICE},
                                   {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                                   {"RLIMIT_NPROC", RLIMIT_NPROC},
                                   {"RLIMIT_RSS", RLIMIT_RSS},
                                   {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                                   {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                   {"RLIMIT_STACK", RLIMIT_STACK}};

int rlimit_number(const std::string& name) {
    std::vector<std::string> known;
    for (const RlimitName& entry : kRlimits) {
        if (name == entry.name) return entry.resource;
        known.emplace_back(entry.name);
    }
    Error error{ErrorKind::invalid_input, fmt::format("there is no resource limit \"{}\"", name)};
    if (const auto near = nearest(name, known)) error.with_hint(fmt::format("did you mean {}?", *near));
    throw error;
}

std::string env_value(const std::vector<std::string>& env, std::string_view key, std::string fallback) {
    for (const std::string& entry : env)
        if (entry.size() > key.size() && entry.starts_with(key) && entry[key.size()] == '=')
            return entry.substr(key.size() + 1);
    return fallback;
}

// As execvp(3): a name with a slash is a path, any other is looked for in each directory of PATH.
std::vector<std::string> exec_candidates(const ProcessSpec& process) {
    const std::string& name = process.args.front();
    if (name.find('/') != std::string::npos) return {name};
    std::vector<std::string> candidates;
    for (const std::string& directory : split(env_value(process.env, "PATH", kDefaultPath), ':'))
        if (directory.starts_with('/'))
            candidates.push_back(directory + "/" + name);  // never the current directory
    return candidates;
}

void check_strings(const std::vector<std::string>& strings, const char* what) {
    for (const std::string& text : strings)
        if (text.find('\0') != std::string::npos)
            throw Error{ErrorKind::invalid_input, fmt::format("{} contains a NUL byte", what)};
}

// The part that a container's first process and an exec have in common: from the standard streams to exec.
class ProcessPlanner {
  public:
    ProcessPlanner(ProgramBuilder& builder, const ProcessSpec& process, const SeccompSpec& seccomp,
                   const HostFacts& facts)
        : b_{builder}, process_{process}, seccomp_{seccomp}, facts_{facts} {
        if (process.args.empty() || process.args.front().empty())
            throw Error{ErrorKind::invalid_input, "no command is given, by neither the image nor the user"};
        check_strings(process.args, "the command");
        check_strings(process.env, "the environment");
    }

    // Before the root may become read-only, because a missing directory is made.
    void plan_directory(const MountedTree& tree, bool create) {
        b_.purpose(fmt::format("changing to directory {}", process_.cwd));
        b_.add(step::ChangeDirectory{tree.root, clean_container_path(process_.cwd, "working directory"),
                                     create});
    }

    void plan(const MountedTree& tree) {
        plan_streams(tree);
        plan_user(tree);
        plan_limits();
        b_.purpose("waiting for the start");
        b_.add(step::ResetSignals{});
        b_.add(step::Gate{terminal_, b_.input("init")});
        plan_privileges();
        b_.purpose(fmt::format("exec: \"{}\"", process_.args.front()));
        b_.add(step::Execute{exec_candidates(process_), b_.input("init")});
    }

  private:
    void plan_streams(const MountedTree& tree) {
        if (process_.terminal) {
            b_.purpose("opening a terminal");
            Slot pts = tree.pts;
            if (!pts.valid()) {
                pts = b_.new_slot("pts");
                b_.add(step::OpenDirectory{tree.root, "dev/pts", DEVPTS_SUPER_MAGIC, pts});
            }
            terminal_ = b_.new_slot("terminal");
            const Slot peer = b_.new_slot("terminal-peer");
            b_.add(step::OpenTerminal{pts, process_.console_width, process_.console_height, terminal_, peer});
            if (tree.pts.valid()) {
                const Slot console = b_.new_slot("console"), target = b_.new_slot("at-console");
                b_.add(step::CloneOpenFile{peer, console});
                b_.add(step::OpenMountPoint{
                    tree.dev, "console", step::OpenMountPoint::Kind::file, {}, true, false, target});
                b_.add(step::AttachMount{console, target, false});
            }
            b_.add(step::SetStandardStreams{peer, peer, peer});
            b_.add(step::SetControllingTerminal{});
            return;
        }
        b_.purpose("connecting the standard streams");
        Slot streams[3] = {b_.input("stdin"), b_.input("stdout"), b_.input("stderr")};
        if (std::any_of(std::begin(streams), std::end(streams), [](Slot slot) { return !slot.valid(); })) {
            Slot dev = tree.dev;
            if (!dev.valid()) {
                dev = b_.new_slot("dev");
                b_.add(step::OpenDirectory{tree.root, "dev", 0, dev});
            }
            const Slot null = b_.new_slot("null");
            b_.add(step::OpenNull{dev, null});
            for (Slot& stream : streams)
                if (!stream.valid()) stream = null;
        }
        b_.add(step::SetStandardStreams{streams[0], streams[1], streams[2]});
    }

    void plan_user(const MountedTree& tree) {
        UserRequest request = parse_user_request(process_.user, process_.group_add);
        request.uid = process_.uid;
        request.gid = process_.gid;
        request.groups = process_.additional_gids;
        b_.purpose(process_.user.empty() ? fmt::format("finding user {}", process_.uid)
                                         : fmt::format("finding user \"{}\"", process_.user));
        b_.add(step::ResolveUser{tree.root, std::move(request)});
        if (process_.terminal) b_.add(step::OwnTerminal{});
    }

    void plan_limits() {
        b_.purpose("setting the umask");
        b_.add(step::SetUmask{static_cast<mode_t>(process_.umask.value_or(022) & 0777)});
        for (const RlimitSpec& limit : process_.rlimits) {
            b_.purpose(fmt::format("setting {} to {}:{}", limit.type, limit.soft, limit.hard));
            if (limit.soft > limit.hard)
                throw Error{ErrorKind::invalid_input,
                            fmt::format("{}: the soft limit {} is above the hard limit {}", limit.type,
                                        limit.soft, limit.hard)};
            b_.add(step::SetRlimit{rlimit_number(limit.type), limit.type, limit.soft, limit.hard});
        }
    }

    void plan_seccomp() {
        if (b_.program().seccomp.empty()) return;
        b_.purpose("installing the system call filter");
        b_.add(step::InstallSeccomp{});
    }

    void take_profile() {
        if (!seccomp_.profile)
            throw Error{ErrorKind::internal, "a seccomp profile is asked for but not given"};
        SeccompFilter filter = compile_profile(*seccomp_.profile);
        if (filter.notifies)
            throw Error{ErrorKind::not_supported, "seccomp: SCMP_ACT_NOTIFY is not supported yet"};
        b_.program().seccomp = std::move(filter.code);
        b_.program().seccomp_flags = filter.flags;
    }

    void plan_privileges() {
        const CapabilitySets& sets = process_.capabilities;
        const auto mask = [&](const std::vector<std::string>& names) {
            return capability_mask(names, facts_.last_capability);
        };
        if (seccomp_.kind == SeccompSpec::Kind::profile) take_profile();
        if (seccomp_.kind == SeccompSpec::Kind::default_profile)
            b_.program().seccomp = default_filter(mask(sets.bounding));
        // Without no_new_privs a filter takes CAP_SYS_ADMIN, which is about to go; with it the filter comes last, so that it
        // need not allow what follows here.
        if (!process_.no_new_privileges) plan_seccomp();
        b_.purpose("giving up capabilities");
        b_.add(step::SetBounding{mask(sets.bounding), facts_.last_capability});
        b_.purpose("changing to the user");
        b_.add(step::SetIds{});
        b_.purpose("setting capabilities");
        b_.add(step::SetCapabilities{mask(sets.effective), mask(sets.permitted), mask(sets.inheritable),
                                     mask(sets.ambient)});
        if (!process_.no_new_privileges) return;
        b_.purpose("setting no_new_privs");
        b_.add(step::NoNewPrivileges{});
        plan_seccomp();
    }

    ProgramBuilder& b_;
    const ProcessSpec& process_;
    const SeccompSpec& seccomp_;
    const HostFacts& facts_;
    Slot terminal_;
};

void plan_arguments(InitProgram& program, const ProcessSpec& process) {
    program.argv = process.args;
    program.env = process.env;
    program.home_from_passwd = env_value(process.env, "HOME", "").empty();
}

void plan_cgroups(ProgramBuilder& b, const LaunchShape& shape) {
    b.purpose("joining the control group");
    for (std::size_t i = 0; i < shape.task_files; ++i)
        b.add(step::EnterCgroup{b.input(fmt::format("tasks{}", i))});
}

class NamespacePlanner {
  public:
    NamespacePlanner(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                     const LaunchShape& shape)
        : b_{builder}, spec_{spec}, facts_{facts}, shape_{shape} {}

    void plan() {
        bool mount = false;
        for (const NamespaceSpec& entry : spec_.namespaces) {
            mount |= entry.kind == NamespaceKind::mount;
            check(entry);
            if (entry.kind == NamespaceKind::network && shape_.network) continue;
            if (!entry.path.empty())
                join(entry);
            else if (entry.kind != NamespaceKind::cgroup)
                flags_ |= clone_flag(entry.kind);
            else
                plan_cgroup_namespace_ = facts_.cgroup_namespaces;
        }
        if (!mount) throw Error{ErrorKind::not_supported, "a container needs a mount namespace of its own"};
        if (shape_.network) {
            b_.purpose("joining the network namespace");
            b_.add(step::JoinNamespaces{b_.input("network"), CLONE_NEWNET});
        }
        if (plan_cgroup_namespace_) {
            // Not by clone3: with CLONE_INTO_CGROUP its root would be the parent's group.
            b_.purpose("making a cgroup namespace");
            b_.add(step::Unshare{CLONE_NEWCGROUP});
        }
        b_.program().clone_flags = static_cast<std::uint64_t>(flags_);
    }

  private:
    void check(const NamespaceSpec& entry) {
        const bool twice =
            std::count_if(spec_.namespaces.begin(), spec_.namespaces.end(),
                          [&](const NamespaceSpec& other) { return other.kind == entry.kind; }) > 1;
        if (twice)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("namespace {} is listed twice", namespace_name(entry.kind))};
        if (entry.kind == NamespaceKind::time ||
            (!entry.path.empty() &&
             (entry.kind == NamespaceKind::mount || entry.kind == NamespaceKind::user)))
            throw Error{ErrorKind::not_supported,
                        fmt::format("{} a {} namespace is not supported",
                                    entry.path.empty() ? "making" : "joining", namespace_name(entry.kind))};
        if (entry.kind == NamespaceKind::user && (spec_.uid_mappings.empty() || spec_.gid_mappings.empty()))
            throw Error{ErrorKind::invalid_input, "a user namespace needs uid and gid mappings"};
    }

    void join(const NamespaceSpec& entry) {
        if (entry.kind == NamespaceKind::pid)
            return;  // the parent clones into it: no process can change its own
        b_.purpose(fmt::format("joining the {} namespace {}", namespace_name(entry.kind), entry.path));
        Slot slot = b_.input(entry.path);
        if (!slot.valid()) {
            slot = b_.new_slot(fmt::format("ns-{}", namespace_name(entry.kind)));
            b_.add(step::OpenNamespace{entry.path, slot});
        }
        b_.add(step::JoinNamespaces{slot, clone_flag(entry.kind)});
    }

    ProgramBuilder& b_;
    const ContainerSpec& spec_;
    const HostFacts& facts_;
    const LaunchShape& shape_;
    int flags_ = 0;
    bool plan_cgroup_namespace_ = false;
};

bool has_namespace(const ContainerSpec& spec, NamespaceKind kind) {
    return std::any_of(spec.namespaces.begin(), spec.namespaces.end(),
                       [&](const NamespaceSpec& entry) { return entry.kind == kind; });
}

void plan_names(ProgramBuilder& b, const ContainerSpec& spec) {
    constexpr std::size_t kMaxName = 64;
    for (const std::string* name : {&spec.hostname, &spec.domainname}) {
        if (name->empty()) continue;
        const char* what = name == &spec.hostname ? "hostname" : "domainname";
        if (!has_namespace(spec, NamespaceKind::uts))
            throw Error{ErrorKind::invalid_input,
                        fmt::format("a {} can't be set in the host's uts namespace", what)};
        if (name->size() > kMaxName)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("{} \"{}\" is longer than {} characters", what, *name, kMaxName)};
        b.purpose(fmt::format("setting the {} to \"{}\"", what, *name));
        if (name == &spec.hostname)
            b.add(step::SetHostname{*name});
        else
            b.add(step::SetDomainname{*name});
    }
}

}  // namespace

std::vector<std::string> input_slots(const LaunchShape& shape) {
    std::vector<std::string> names;
    if (shape.in) names.emplace_back("stdin");
    if (shape.out) names.emplace_back("stdout");
    if (shape.err) names.emplace_back("stderr");
    if (shape.network) names.emplace_back("network");
    for (const std::string& name : shape.named) names.push_back("fd:" + name);
    for (std::size_t i = 0; i < shape.task_files; ++i) names.push_back(fmt::format("tasks{}", i));
    if (shape.init) names.emplace_back("init");
    return names;
}

InitProgram build_init_program(const ContainerSpec& spec, const HostFacts& facts, const LaunchShape& shape) {
    ProgramBuilder b{shape};
    ProcessPlanner process{b, spec.process, spec.seccomp, facts};
    b.purpose("closing what belongs to others");
    b.add(step::CloseInherited{});
    if (std::any_of(spec.namespaces.begin(), spec.namespaces.end(),
                    [](const NamespaceSpec& entry) { return entry.kind == NamespaceKind::user; })) {
        b.purpose("becoming root of the user namespace");
        b.add(step::AwaitParent{SyncPoint::id_maps});
        b.add(step::BecomeRoot{});
    }
    plan_cgroups(b, shape);
    NamespacePlanner{b, spec, facts, shape}.plan();
    b.purpose("making a session");
    b.add(step::NewSession{});
    b.add(step::NewKeyring{});
    plan_names(b, spec);
    const MountedTree tree = plan_mounts(b, spec, facts, shape);
    process.plan_directory(tree, true);
    if (spec.root.readonly) {
        b.purpose("making the root file system read-only");
        b.add(step::SetMountAttributes{tree.root, MOUNT_ATTR_RDONLY, 0, 0, false});
    }
    process.plan(tree);
    plan_arguments(b.program(), spec.process);
    b.program().uid_mappings = spec.uid_mappings;
    b.program().gid_mappings = spec.gid_mappings;
    return std::move(b.program());
}

InitProgram build_exec_program(const ProcessSpec& process, const SeccompSpec& seccomp, int namespaces,
                               const HostFacts& facts, const LaunchShape& shape) {
    ProgramBuilder b{shape};
    ProcessPlanner planner{b, process, seccomp, facts};
    b.purpose("closing what belongs to others");
    b.add(step::CloseInherited{});
    plan_cgroups(b, shape);
    b.purpose("joining the container's namespaces");
    b.add(step::JoinNamespaces{b.input("fd:target"), namespaces});
    if ((namespaces & CLONE_NEWUSER) != 0) b.add(step::BecomeRoot{});
    b.purpose("making a session");
    b.add(step::NewSession{});
    b.add(step::NewKeyring{});
    MountedTree tree;
    b.purpose("looking into the container");
    tree.root = b.new_slot("root");
    b.add(step::OpenOwnRoot{tree.root});
    if (process.oom_score_adj) {
        b.purpose(fmt::format("setting the OOM score adjustment to {}", *process.oom_score_adj));
        tree.proc = b.new_slot("proc");
        b.add(step::OpenDirectory{tree.root, "proc", PROC_SUPER_MAGIC, tree.proc});
        b.add(step::SetOomScore{tree.proc, std::to_string(*process.oom_score_adj)});
    }
    planner.plan_directory(tree, false);
    planner.plan(tree);
    plan_arguments(b.program(), process);
    return std::move(b.program());
}

}  // namespace stack
