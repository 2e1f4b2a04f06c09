#include "runtime/namespace_plan.hpp"

#include "runtime/launch_error.hpp"
#include "runtime/net_devices.hpp"

#include <sched.h>

#include <algorithm>
#include <set>

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

void check(const ContainerSpec& spec, const NamespaceSpec& entry, const HostFacts& facts) {
    const bool twice =
        std::count_if(spec.namespaces.begin(), spec.namespaces.end(),
                      [&](const NamespaceSpec& other) { return other.kind == entry.kind; }) > 1;
    if (twice)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("namespace {} is listed twice", namespace_name(entry.kind))};
    if (entry.kind == NamespaceKind::time && !facts.time_namespaces)
        throw Error{ErrorKind::not_supported, "this kernel has no time namespaces"};
    const bool mapped = !spec.uid_mappings.empty() && !spec.gid_mappings.empty();
    if (entry.kind == NamespaceKind::user && entry.path.empty() && !mapped)
        throw Error{ErrorKind::invalid_input, "a user namespace needs uid and gid mappings"};
}

std::string offsets_text(const std::map<std::string, TimeOffset>& offsets) {
    std::string text;
    for (const auto& [clock, offset] : offsets) {
        if (clock != "monotonic" && clock != "boottime")
            throw Error{
                ErrorKind::invalid_input,
                fmt::format("a time namespace has no clock \"{}\", only monotonic and boottime", clock)};
        if (offset.nanoseconds >= 1'000'000'000)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the {} offset has more than a second of nanoseconds", clock)};
        text += fmt::format("{} {} {}\n", clock, offset.seconds, offset.nanoseconds);
    }
    return text;
}

}  // namespace

NamespacePlanner::NamespacePlanner(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                                   const LaunchShape& shape)
    : b_{builder}, spec_{spec}, facts_{facts}, shape_{shape} {
    if (find_namespace(spec, NamespaceKind::mount) == nullptr)
        throw Error{ErrorKind::not_supported, "a container needs a mount namespace of its own"};
    if (!spec.time_offsets.empty() && !makes_namespace(spec, NamespaceKind::time))
        throw Error{ErrorKind::invalid_input, "time offsets need a new time namespace"};
    for (const NamespaceSpec& entry : spec.namespaces) {
        check(spec, entry, facts);
        if (entry.kind == NamespaceKind::user) user_ = &entry;
        const bool replaced = entry.kind == NamespaceKind::network && shape.network;
        const bool by_clone = entry.kind != NamespaceKind::cgroup && entry.kind != NamespaceKind::time;
        if (entry.path.empty() && by_clone && !replaced) flags_ |= clone_flag(entry.kind);
    }
    check_net_devices();
}

void NamespacePlanner::begin() {
    const bool new_user = user_ && user_->path.empty();
    const bool overlay = !spec_.root.lower.empty();
    if (staged())
        b_.program().clone_flags = overlay ? CLONE_NEWNS : 0;  // where idmapped layers can lie unseen
    else if (!user_ || new_user)
        b_.program().clone_flags = static_cast<std::uint64_t>(flags_);
    if (!staged() && new_user) become_root();
    if (!staged() && user_ && !new_user) {
        join(*user_);
        b_.add(step::BecomeRoot{});
    }
    join_others();
    plan_clocks(!facts_.privileged && new_user);
    if (!staged() && user_ && !new_user) respawn();
}

void NamespacePlanner::enter() {
    if (staged() && !user_->path.empty()) {
        join(*user_);
        b_.add(step::BecomeRoot{});
    }
    if (staged()) respawn();
    await_net_devices();
    if (!makes_namespace(spec_, NamespaceKind::cgroup) || !facts_.cgroup_namespaces) return;
    // Not by clone3: with CLONE_INTO_CGROUP its root would be the parent's group.
    b_.purpose("making a cgroup namespace");
    b_.add(step::Unshare{CLONE_NEWCGROUP});
}

void NamespacePlanner::become_root() {
    b_.purpose("becoming root of the user namespace");
    b_.add(step::AwaitParent{SyncPoint::id_maps, !facts_.privileged});
    b_.add(step::BecomeRoot{});
}

void NamespacePlanner::respawn() {
    b_.purpose("creating a process in new namespaces", std::nullopt,
               "the number of namespaces is limited by /proc/sys/user/max_*_namespaces");
    b_.add(step::Respawn{flags_});
    if ((flags_ & CLONE_NEWUSER) != 0) return become_root();
    b_.add(step::AwaitParent{SyncPoint::id_maps, false});
}

// The mount namespace last: paths are the host's until then.
void NamespacePlanner::join_others() {
    const NamespaceSpec* mount = nullptr;
    for (const NamespaceSpec& entry : spec_.namespaces) {
        const bool replaced = entry.kind == NamespaceKind::network && shape_.network;
        // A pid namespace is the parent's affair: it clones into it, as no process can change its own.
        if (entry.path.empty() || replaced || entry.kind == NamespaceKind::pid || &entry == user_) continue;
        if (entry.kind == NamespaceKind::mount)
            mount = &entry;
        else
            join(entry);
    }
    if (shape_.network) {
        b_.purpose("joining the network namespace");
        b_.add(step::JoinNamespaces{b_.input("network"), CLONE_NEWNET});
    }
    if (mount) join(*mount);
}

void NamespacePlanner::join(const NamespaceSpec& entry) {
    b_.purpose(fmt::format("joining the {} namespace {}", namespace_name(entry.kind), entry.path));
    Slot slot = b_.input(entry.path);
    if (!slot.valid()) {
        slot = b_.new_slot(fmt::format("ns-{}", namespace_name(entry.kind)));
        b_.add(step::OpenNamespace{entry.path, slot});
    }
    b_.add(step::JoinNamespaces{slot, clone_flag(entry.kind)});
}

void NamespacePlanner::plan_clocks(bool in_own_user_namespace) {
    if (!makes_namespace(spec_, NamespaceKind::time)) return;
    b_.purpose("making a time namespace");
    b_.add(step::NewClocks{offsets_text(spec_.time_offsets), in_own_user_namespace});
}

void NamespacePlanner::check_net_devices() const {
    if (spec_.net_devices.empty()) return;
    if (!has_own_namespace(spec_, shape_, NamespaceKind::network))
        throw Error{
            ErrorKind::invalid_input,
            fmt::format(
                "network device \"{}\" can't be moved: the container is in the host's network namespace",
                spec_.net_devices.begin()->first)};
    if (!facts_.privileged)
        throw Error{ErrorKind::not_supported,
                    fmt::format("moving network device \"{}\" needs root: its namespace is not the caller's",
                                spec_.net_devices.begin()->first)};
    std::set<std::string> inside;
    for (const auto& [name, pattern] : spec_.net_devices) {
        if (!is_net_device_name(name, false) || !is_net_device_name(pattern, true))
            throw Error{ErrorKind::invalid_input,
                        fmt::format("\"{}\" is no name for a network device",
                                    printable_text(is_net_device_name(name, false) ? pattern : name))};
        if (pattern.find('%') == std::string::npos && !inside.insert(pattern).second)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("two network devices are to be \"{}\" in the container", pattern)};
    }
}

// What comes next may speak of them: sysctls, hooks.
void NamespacePlanner::await_net_devices() {
    if (spec_.net_devices.empty()) return;
    b_.purpose("waiting for network devices");
    b_.add(step::AwaitParent{SyncPoint::net_devices, false});
}

bool has_own_namespace(const ContainerSpec& spec, const LaunchShape& shape, NamespaceKind kind) {
    const bool given =
        find_namespace(spec, kind) != nullptr || (kind == NamespaceKind::network && shape.network);
    return given && std::find(shape.host_namespaces.begin(), shape.host_namespaces.end(), kind) ==
                        shape.host_namespaces.end();
}

void plan_names(ProgramBuilder& b, const ContainerSpec& spec) {
    constexpr std::size_t kMaxName = 64;
    for (const std::string* name : {&spec.hostname, &spec.domainname}) {
        if (name->empty()) continue;
        const char* what = name == &spec.hostname ? "hostname" : "domainname";
        if (find_namespace(spec, NamespaceKind::uts) == nullptr)
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

}  // namespace stack
