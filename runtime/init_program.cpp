#include "runtime/init_program.hpp"

#include "runtime/launch_error.hpp"
#include "runtime/mount_plan.hpp"
#include "runtime/namespace_plan.hpp"
#include "runtime/process_plan.hpp"
#include "runtime/program_builder.hpp"
#include "runtime/scheduling_plan.hpp"
#include "runtime/security_labels.hpp"

#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>

#include <functional>

#include <fmt/format.h>

namespace stack {

namespace {

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

void plan_session(ProgramBuilder& b, const LaunchShape& shape) {
    b.purpose("making a session");
    b.add(step::NewSession{});
    if (shape.new_keyring) b.add(step::NewKeyring{});
}

void plan_personality(ProgramBuilder& b, std::optional<std::uint64_t> personality) {
    if (!personality) return;
    b.purpose("setting the personality");
    b.add(step::SetPersonality{*personality});
}

// What has joined a pid namespace stays outside; its children are born there. So the container sees nothing of a process that
// still has the host's mounts and network.
void plan_joining(ProgramBuilder& b, int namespaces, const HostFacts& facts) {
    const Slot target = b.input("fd:target");
    const int pid = namespaces & CLONE_NEWPID, user = namespaces & CLONE_NEWUSER;
    b.purpose("joining the container's namespaces");
    // With the host's privileges, as the user namespace need not own this one.
    const bool pid_first = pid != 0 && user != 0 && facts.privileged;
    if (pid_first) b.add(step::JoinNamespaces{target, pid});
    b.add(step::JoinNamespaces{target, pid_first ? namespaces & ~pid : namespaces});
    if (user != 0) b.add(step::BecomeRoot{});
    if (pid == 0) return;
    b.purpose("creating a process in the container's pid namespace");
    b.add(step::Respawn{0});
    b.add(step::AwaitParent{SyncPoint::id_maps, false});
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
    for (std::size_t i = 0; i < shape.id_maps; ++i) names.push_back(fmt::format("idmap{}", i));
    if (shape.init) names.emplace_back("init");
    if (shape.start_socket) names.emplace_back("start");
    if (shape.seccomp_agent) names.emplace_back("agent");
    return names;
}

InitProgram build_init_program(const ContainerSpec& spec, const HostFacts& facts, const LaunchShape& shape) {
    ProgramBuilder b{shape};
    ProcessPlanner process{b, spec.process, spec.seccomp, facts, shape};
    NamespacePlanner namespaces{b, spec, facts, shape};
    b.purpose("closing what belongs to others");
    b.add(step::CloseInherited{});
    plan_cgroups(b, shape);
    namespaces.begin();
    const auto enter = [&] {
        namespaces.enter();
        plan_session(b, shape);
        plan_names(b, spec);
    };
    if (!namespaces.staged()) enter();
    const MountedTree tree =
        plan_mounts(b, spec, facts, shape, namespaces.staged() ? std::function<void()>{enter} : nullptr);
    process.plan_directory(tree, true);
    if (spec.root.readonly) {
        b.purpose("making the root file system read-only");
        b.add(step::SetMountAttributes{tree.root, MOUNT_ATTR_RDONLY, 0, 0, false});
    }
    plan_personality(b, spec.personality);
    process.plan(tree, spec.hooks.start_container);
    plan_arguments(b.program(), spec.process);
    b.program().uid_mappings = spec.uid_mappings;
    b.program().gid_mappings = spec.gid_mappings;
    b.program().net_devices = spec.net_devices;
    if (shape.start_socket) b.program().failure_words = failure_words(b.program());
    return std::move(b.program());
}

InitProgram build_exec_program(const ProcessSpec& process, const SeccompSpec& seccomp, int namespaces,
                               const HostFacts& facts, const LaunchShape& shape) {
    ProgramBuilder b{shape};
    ProcessPlanner planner{b, process, seccomp, facts, shape};
    b.purpose("closing what belongs to others");
    b.add(step::CloseInherited{});
    // For exec only, as the specification has it. With CLONE_INTO_CGROUP the process is in its group from its birth.
    plan_affinity(b, process.initial_cpu_affinity);
    plan_cgroups(b, shape);
    plan_joining(b, namespaces, facts);
    plan_session(b, shape);
    MountedTree tree;
    b.purpose("looking into the container");
    tree.root = b.new_slot("root");
    b.add(step::OpenOwnRoot{tree.root});
    if (process.oom_score_adj || has_exec_label(process)) {
        tree.proc = b.new_slot("proc");
        b.add(step::OpenDirectory{tree.root, "proc", PROC_SUPER_MAGIC, tree.proc});
    }
    if (process.oom_score_adj) {
        b.purpose(fmt::format("setting the OOM score adjustment to {}", *process.oom_score_adj));
        b.add(step::SetOomScore{tree.proc, std::to_string(*process.oom_score_adj)});
    }
    planner.plan_directory(tree, false);
    plan_personality(b, shape.exec_personality);
    plan_affinity(b, process.final_cpu_affinity);
    planner.plan(tree, {});
    plan_arguments(b.program(), process);
    return std::move(b.program());
}

}  // namespace stack
