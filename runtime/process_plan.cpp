#include "runtime/process_plan.hpp"

#include "runtime/base/text.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/hook_plan.hpp"
#include "runtime/mount_requests.hpp"
#include "runtime/scheduling_plan.hpp"
#include "runtime/seccomp.hpp"
#include "runtime/seccomp_program.hpp"

#include <linux/magic.h>
#include <sys/resource.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack {

namespace {

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

}  // namespace

std::string env_value(const std::vector<std::string>& env, std::string_view key, std::string fallback) {
    for (const std::string& entry : env)
        if (entry.size() > key.size() && entry.starts_with(key) && entry[key.size()] == '=')
            return entry.substr(key.size() + 1);
    return fallback;
}

ProcessPlanner::ProcessPlanner(ProgramBuilder& builder, const ProcessSpec& process,
                               const SeccompSpec& seccomp, const HostFacts& facts, const LaunchShape& shape)
    : b_{builder}, process_{process}, seccomp_{seccomp}, facts_{facts}, shape_{shape} {
    if (process.args.empty() || process.args.front().empty())
        throw Error{ErrorKind::invalid_input, "no command is given, by neither the image nor the user"};
    check_strings(process.args, "the command");
    check_strings(process.env, "the environment");
}

// Before the root may become read-only, because a missing directory is made.
void ProcessPlanner::plan_directory(const MountedTree& tree, bool create) {
    b_.purpose(fmt::format("changing to directory {}", process_.cwd));
    b_.add(step::ChangeDirectory{tree.root, clean_container_path(process_.cwd, "working directory"), create});
}

void ProcessPlanner::plan(const MountedTree& tree, const std::vector<HookSpec>& start_hooks) {
    plan_streams(tree);
    plan_user(tree);
    plan_limits();
    plan_scheduling(b_, process_);
    plan_labels(tree);
    plan_gate();
    const HookFiles hook_files = start_hooks.empty() ? HookFiles{} : plan_hook_files(b_);
    plan_privileges();
    plan_hooks(b_, "startContainer", start_hooks, hook_files);
    b_.purpose(fmt::format("exec: \"{}\"", process_.args.front()));
    b_.add(step::Execute{exec_candidates(process_), b_.input("init")});
}

void ProcessPlanner::plan_streams(const MountedTree& tree) {
    if (process_.terminal) {
        b_.purpose("opening a terminal", std::nullopt, "it is made by the container's devpts on /dev/pts");
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

void ProcessPlanner::plan_user(const MountedTree& tree) {
    UserRequest request = parse_user_request(process_.user, process_.group_add);
    request.uid = process_.uid;
    request.gid = process_.gid;
    request.groups = process_.additional_gids;
    b_.purpose(process_.user.empty() ? fmt::format("finding user {}", process_.uid)
                                     : fmt::format("finding user \"{}\"", process_.user));
    b_.add(step::ResolveUser{tree.root, std::move(request)});
    if (process_.terminal)
        b_.add(step::OwnTerminal{});
    else
        b_.add(step::OwnPipes{});
}

void ProcessPlanner::plan_limits() {
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

// While the procfs is at hand; they hold from the next exec on, and for hooks.
void ProcessPlanner::plan_labels(const MountedTree& tree) {
    if (!process_.apparmor_profile.empty()) {
        b_.purpose(fmt::format("taking the AppArmor profile \"{}\"", process_.apparmor_profile), std::nullopt,
                   "profiles are loaded by apparmor_parser(8)");
        b_.add(step::SetExecLabel{tree.proc, "attr/apparmor/exec", "exec " + process_.apparmor_profile});
    }
    if (process_.selinux_label.empty()) return;
    b_.purpose(fmt::format("taking the SELinux label \"{}\"", process_.selinux_label));
    b_.add(step::SetExecLabel{tree.proc, "attr/exec", process_.selinux_label});
}

// What is known to be wrong before the gate need not wait for `start`.
void ProcessPlanner::plan_gate() {
    if (shape_.start_socket) {
        b_.purpose(fmt::format("exec: \"{}\"", process_.args.front()));
        b_.add(step::FindCommand{exec_candidates(process_)});
    }
    b_.purpose("waiting for the start");
    b_.add(step::ResetSignals{});
    b_.add(
        step::Gate{terminal_, b_.input("start"), {b_.input("init"), b_.input("agent")}, shape_.preserve_fds});
}

void ProcessPlanner::plan_seccomp() {
    if (b_.program().seccomp.empty()) return;
    b_.purpose("installing the system call filter");
    b_.add(step::InstallSeccomp{notifies_ ? b_.input("agent") : Slot{}});
}

void ProcessPlanner::take_profile() {
    if (!seccomp_.profile) throw Error{ErrorKind::internal, "a seccomp profile is asked for but not given"};
    SeccompFilter filter = compile_profile(*seccomp_.profile);
    notifies_ = filter.notifies;
    b_.program().seccomp = std::move(filter.code);
    b_.program().seccomp_flags = filter.flags;
}

void ProcessPlanner::plan_privileges() {
    const CapabilitySets& sets = process_.capabilities;
    const auto mask = [&](const std::vector<std::string>& names) {
        return capability_mask(names, facts_.last_capability);
    };
    for (const std::string& name : sets.bounding)
        if (capability_number(name).value_or(0) > facts_.last_capability)
            b_.program().warnings.push_back(
                fmt::format("capability {} is left out: this kernel does not know it", name));
    if (seccomp_.kind == SeccompSpec::Kind::profile) take_profile();
    if (seccomp_.kind == SeccompSpec::Kind::default_profile)
        b_.program().seccomp = default_filter(mask(sets.bounding));
    // Without no_new_privs a filter takes CAP_SYS_ADMIN, which is about to go; with it the filter comes last, so that it
    // need not allow what follows here.
    if (!process_.no_new_privileges) plan_seccomp();
    b_.purpose("giving up capabilities");
    b_.add(step::SetBounding{mask(sets.bounding), facts_.last_capability});
    b_.purpose("changing to the user");
    b_.add(step::SetIds{!facts_.privileged && process_.user.empty() && process_.additional_gids.empty()});
    b_.purpose("setting capabilities");
    b_.add(step::SetCapabilities{mask(sets.effective), mask(sets.permitted), mask(sets.inheritable),
                                 mask(sets.ambient)});
    if (!process_.no_new_privileges) return;
    b_.purpose("setting no_new_privs");
    b_.add(step::NoNewPrivileges{});
    plan_seccomp();
}

}  // namespace stack
