#include "runtime/namespace_plan.hpp"

#include <sched.h>

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

}  // namespace

void plan_namespaces(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                     const LaunchShape& shape) {
    NamespacePlanner{builder, spec, facts, shape}.plan();
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

}  // namespace stack
