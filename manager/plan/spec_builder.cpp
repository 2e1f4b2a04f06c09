#include "manager/plan/spec_builder.hpp"

#include "manager/plan/blame.hpp"
#include "manager/plan/default_profile.hpp"
#include "manager/plan/image_defaults.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/container_defaults.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace stack::plan {

namespace {

using compose::Service;
using compose::VolumeMount;

// `/a//b/` and `/a/b` are one target.
std::string clean_target(std::string_view path) {
    std::string result;
    for (const std::string& part : split(path, '/'))
        if (!part.empty() && part != ".") result += "/" + part;
    return result.empty() ? "/" : result;
}

// ---- process
// ---------------------------------------------------------------------------------------------------

std::vector<RlimitSpec> rlimits(const Service& service) {
    constexpr std::array kNames = {"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                   "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                   "rtprio",  "rttime",   "sigpending", "stack"};
    const auto value = [](std::int64_t limit) {
        return limit < 0 ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(limit);
    };
    std::vector<RlimitSpec> result;
    for (const auto& [name, limit] : service.ulimits) {
        if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
            Error error{ErrorKind::invalid_input, fmt::format("\"{}\" is no limit that ulimits knows", name)};
            if (const auto near = nearest(name, {kNames.begin(), kNames.end()}))
                error.with_hint(fmt::format("did you mean \"{}\"?", *near));
            throw blame(std::move(error), service, "ulimits");
        }
        std::string upper = name;
        for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
        result.push_back({"RLIMIT_" + upper, value(limit.soft), value(limit.hard)});
    }
    return result;
}

ProcessSpec process_spec(const SpecInputs& inputs, const std::string& hostname) {
    const Service& service = inputs.service;
    ProcessSpec process;
    process.terminal = service.tty;
    process.console_width = inputs.console_width;
    process.console_height = inputs.console_height;
    process.args = effective_argv(service, inputs.image);
    process.env = effective_environment(service, inputs.image, hostname);
    const std::string& directory =
        !service.working_dir.empty() ? service.working_dir : inputs.image.working_dir;
    process.cwd = directory.empty() ? "/" : directory.front() == '/' ? directory : "/" + directory;
    process.user = !service.user.empty() ? service.user : inputs.image.user;
    // By name of a user, not by a bare number, so that root has the groups that the image's /etc/group gives it.
    if (process.user.empty()) process.user = "0";
    process.group_add = service.group_add;
    process.no_new_privileges = service.security.no_new_privileges;
    process.oom_score_adj = service.oom_score_adj;
    process.rlimits = rlimits(service);
    try {
        std::vector<std::string> added = service.cap_add;
        if (service.privileged) added.emplace_back("ALL");
        process.capabilities = capability_sets(resolve_capabilities(
            default_capabilities(), added, service.cap_drop, inputs.available_capabilities));
    } catch (const Error& error) {
        if (error.position()) throw;
        throw blame(error, service, service.cap_add.empty() ? "cap_drop" : "cap_add");
    }
    return process;
}

// ---- mounts
// ----------------------------------------------------------------------------------------------------

MountSpec bind_mount(const ResolvedMount& resolved) {
    MountSpec mount;
    mount.destination = clean_target(resolved.target);
    mount.type = "bind";
    mount.source = resolved.host_path;
    // Read-only means all of it, mounts below the source too (mount_setattr with AT_RECURSIVE).
    mount.options = {"rbind", resolved.propagation.empty() ? "rprivate" : resolved.propagation,
                     resolved.read_only ? "rro" : "rw"};
    mount.origin = resolved.origin;
    return mount;
}

// Defaults first, each unless the file says its contrary.
MountSpec tmpfs_mount(const VolumeMount& volume) {
    MountSpec mount;
    mount.destination = clean_target(volume.target);
    mount.type = "tmpfs";
    mount.source = "tmpfs";
    mount.origin = origin_text(volume.position);
    const std::vector<std::string>& wanted = volume.tmpfs_options;
    const auto says = [&wanted](const char* option) {
        return std::find(wanted.begin(), wanted.end(), option) != wanted.end();
    };
    if (!says("suid")) mount.options.emplace_back("nosuid");
    if (!says("dev")) mount.options.emplace_back("nodev");
    if (!says("exec")) mount.options.emplace_back("noexec");
    for (const std::string& option : wanted)
        if (option != "nosuid" && option != "nodev" && option != "noexec") mount.options.push_back(option);
    if (volume.tmpfs_size_bytes && *volume.tmpfs_size_bytes > 0)
        mount.options.push_back(fmt::format("size={}", *volume.tmpfs_size_bytes));
    if (volume.tmpfs_mode) mount.options.push_back(fmt::format("mode={:o}", *volume.tmpfs_mode));
    if (volume.read_only) mount.options.emplace_back("ro");
    return mount;
}

std::vector<MountSpec> wanted_mounts(const SpecInputs& inputs) {
    std::vector<MountSpec> mounts;
    const auto generated = [&mounts](const std::string& host_path, const char* target) {
        if (!host_path.empty()) mounts.push_back(bind_mount({target, host_path, false, "", ""}));
    };
    generated(inputs.resolv_conf_file, "/etc/resolv.conf");
    generated(inputs.hostname_file, "/etc/hostname");
    generated(inputs.hosts_file, "/etc/hosts");
    for (const ResolvedMount& resolved : inputs.mounts) {
        MountSpec mount = bind_mount(resolved);
        // A file of the user's own in the place of a generated one wins.
        std::erase_if(mounts, [&](const MountSpec& other) { return other.destination == mount.destination; });
        mounts.push_back(std::move(mount));
    }
    for (const VolumeMount& volume : inputs.service.volumes)
        if (volume.type == VolumeMount::Type::tmpfs) mounts.push_back(tmpfs_mount(volume));
    // A mount must not hide one below it that was made before.
    std::stable_sort(mounts.begin(), mounts.end(), [](const MountSpec& a, const MountSpec& b) {
        return std::count(a.destination.begin(), a.destination.end(), '/') <
               std::count(b.destination.begin(), b.destination.end(), '/');
    });
    return mounts;
}

void set_size(MountSpec& mount, std::int64_t bytes) {
    std::erase_if(mount.options, [](const std::string& option) { return option.starts_with("size="); });
    mount.options.push_back(fmt::format("size={}", bytes));
}

bool names_a_container(const std::string& mode) {
    return mode.find(':') != std::string::npos;
}

// What the service changes of the mounts that every container has.
std::vector<MountSpec> own_mounts(const Service& service) {
    std::vector<MountSpec> mounts = default_mounts();
    if (service.ipc_mode == "none")
        std::erase_if(mounts, [](const MountSpec& mount) { return mount.destination == "/dev/shm"; });
    for (MountSpec& mount : mounts) {
        const bool is_shm = mount.destination == "/dev/shm";
        if (is_shm && service.shm_size_bytes) set_size(mount, *service.shm_size_bytes);
        // POSIX shared memory is files: sharing the namespace takes sharing them.
        if (is_shm && service.ipc_mode == "host") mount = bind_mount({"/dev/shm", "/dev/shm", false, "", ""});
        if (is_shm && names_a_container(service.ipc_mode))
            mount = bind_mount({"/dev/shm", kSharedMemory, false, "", ""});
        if (service.privileged && mount.destination.starts_with("/sys"))
            std::replace(mount.options.begin(), mount.options.end(), std::string{"ro"}, std::string{"rw"});
    }
    return mounts;
}

std::vector<MountSpec> all_mounts(const SpecInputs& inputs) {
    std::vector<MountSpec> mounts = own_mounts(inputs.service);
    for (MountSpec& mount : wanted_mounts(inputs)) {
        std::erase_if(mounts, [&](const MountSpec& other) { return other.destination == mount.destination; });
        mounts.push_back(std::move(mount));
    }
    return mounts;
}

// ---- the rest
// --------------------------------------------------------------------------------------------------

// `c 42:* rmw`, whose form the loader has checked.
DeviceRule device_rule(const std::string& text) {
    const std::vector<std::string> words = split(text, ' ');
    const std::vector<std::string> numbers = split(words.at(1), ':');
    const auto number = [](const std::string& digits) -> std::optional<std::int64_t> {
        if (digits == "*") return std::nullopt;
        return parse_int(digits);
    };
    return {.allow = true,
            .type = words.at(0).at(0),
            .major = number(numbers.at(0)),
            .minor = number(numbers.at(1)),
            .access = words.at(2)};
}

ResourceSpec resources(const SpecInputs& inputs) {
    const Service& service = inputs.service;
    constexpr std::uint64_t kPeriodUs = 100000;
    ResourceSpec result;
    if (service.mem_limit_bytes && *service.mem_limit_bytes > 0) {
        const std::int64_t limit = *service.mem_limit_bytes;
        result.memory_limit_bytes = limit;
        // Docker's default: as much swap again as memory.
        result.memory_swap_bytes = limit > std::numeric_limits<std::int64_t>::max() / 2 ? -1 : 2 * limit;
    }
    if (service.memswap_limit_bytes) result.memory_swap_bytes = *service.memswap_limit_bytes;
    if (service.mem_reservation_bytes && *service.mem_reservation_bytes > 0)
        result.memory_reservation_bytes = *service.mem_reservation_bytes;
    if (service.cpu_shares) result.cpu_shares = static_cast<std::uint64_t>(*service.cpu_shares);
    if (service.cpu_period_us) result.cpu_period_us = static_cast<std::uint64_t>(*service.cpu_period_us);
    result.cpu_quota_us = service.cpu_quota_us;
    result.cpuset_cpus = service.cpuset;
    if (service.cpus && *service.cpus > 0) {
        result.cpu_period_us = kPeriodUs;
        result.cpu_quota_us = std::llround(*service.cpus * static_cast<double>(kPeriodUs));
    }
    if (service.pids_limit) result.pids_limit = *service.pids_limit > 0 ? *service.pids_limit : -1;
    result.devices = default_device_rules();
    result.devices.insert(result.devices.end(), inputs.device_rules.begin(), inputs.device_rules.end());
    for (const std::string& text : service.device_cgroup_rules) result.devices.push_back(device_rule(text));
    if (service.privileged)
        result.devices.push_back({.allow = true, .type = 'a', .major = {}, .minor = {}, .access = "rwm"});
    return result;
}

bool shares_with_host(const Service& service, NamespaceKind kind) {
    switch (kind) {
        case NamespaceKind::network:
            return service.network_mode == "host";
        case NamespaceKind::pid:
            return service.pid_mode == "host";
        case NamespaceKind::ipc:
            return service.ipc_mode == "host";
        case NamespaceKind::uts:
            return service.uts_mode == "host";
        case NamespaceKind::cgroup:
            return service.cgroup_mode == "host";
        default:
            return false;
    }
}

std::vector<NamespaceSpec> namespaces(const SpecInputs& inputs) {
    std::vector<NamespaceSpec> result;
    for (NamespaceSpec spec : default_namespaces()) {
        if (shares_with_host(inputs.service, spec.kind)) continue;
        if (spec.kind == NamespaceKind::network) spec.path = inputs.network_namespace;
        if (spec.kind == NamespaceKind::pid && names_a_container(inputs.service.pid_mode))
            spec.path = kSharedPidNamespace;
        if (spec.kind == NamespaceKind::ipc && names_a_container(inputs.service.ipc_mode))
            spec.path = kSharedIpcNamespace;
        result.push_back(std::move(spec));
    }
    return result;
}

void check_sysctls(const Service& service) {
    if (service.network_mode != "host") return;
    for (const auto& [key, value] : service.sysctls)
        if (key.rfind("net.", 0) == 0)
            throw blame(Error{ErrorKind::invalid_input,
                              fmt::format("sysctl \"{}\" can't be set with network_mode: host", key)},
                        service, "sysctls")
                .with_hint("it would change the host");
}

// Targets that the service mounts something on.
std::set<std::string> covered_targets(const Service& service) {
    std::set<std::string> targets;
    for (const VolumeMount& volume : service.volumes) targets.insert(clean_target(volume.target));
    return targets;
}

// It is joined, not made: it outlives the container's processes with the network namespace that belongs to it. What is bound from
// the host has the owners there that it has here.
void add_user_namespace(const SpecInputs& inputs, ContainerSpec& spec) {
    if (inputs.service.user_namespace_ids == 0) return;
    if (inputs.uid_mappings.empty() || inputs.gid_mappings.empty())
        throw Error{ErrorKind::internal, "the container has no ids for its user namespace"}.with_hint(
            "its making was cut short: make it anew with `stack up --force-recreate`");
    spec.namespaces.push_back({NamespaceKind::user, kOwnUserNamespace});
    spec.uid_mappings = inputs.uid_mappings;
    spec.gid_mappings = inputs.gid_mappings;
    for (MountSpec& mount : spec.mounts)
        if (mount.type == "bind") mount.options.emplace_back("idmap");
}

// A time namespace only for who asks for one: its clocks are read more slowly.
void add_time_offsets(const compose::TimeOffsets& offsets, ContainerSpec& spec) {
    const auto add = [&spec](const char* clock, compose::Duration offset) {
        if (offset == compose::Duration{}) return;
        const auto seconds = std::chrono::floor<std::chrono::seconds>(offset);
        spec.time_offsets[clock] = {seconds.count(), static_cast<std::uint32_t>((offset - seconds).count())};
    };
    add("monotonic", offsets.monotonic);
    add("boottime", offsets.boottime);
    if (!spec.time_offsets.empty()) spec.namespaces.push_back({NamespaceKind::time, {}});
}

}  // namespace

std::string origin_text(const compose::Position& position) {
    if (position.file.empty()) return {};
    return SourcePosition{position.file, position.line, position.column}.text();
}

std::vector<std::string> anonymous_volume_targets(const Service& service, const ImageConfig& image) {
    std::set<std::string> targets;
    for (const VolumeMount& volume : service.volumes)
        if (volume.type == VolumeMount::Type::volume && volume.source.empty())
            targets.insert(clean_target(volume.target));
    const std::set<std::string> covered = covered_targets(service);
    for (const std::string& target : image.volumes) {
        const std::string clean = clean_target(target);
        if (clean != "/" && covered.count(clean) == 0) targets.insert(clean);
    }
    return {targets.begin(), targets.end()};
}

std::vector<ResolvedMount> resolve_mounts(const Service& service, const ImageConfig& image,
                                          const std::map<std::string, std::string>& volume_paths,
                                          const std::map<std::string, std::string>& anonymous_paths) {
    std::vector<ResolvedMount> mounts;
    for (const VolumeMount& volume : service.volumes) {
        if (volume.type == VolumeMount::Type::tmpfs) continue;
        if (!volume.subpath.empty())
            throw blame(Error{ErrorKind::not_supported, "volume.subpath is not supported yet"},
                        volume.position);
        ResolvedMount mount;
        mount.target = clean_target(volume.target);
        mount.read_only = volume.read_only;
        mount.propagation = volume.propagation;
        mount.origin = origin_text(volume.position);
        if (volume.type == VolumeMount::Type::bind) {
            mount.host_path = volume.source;
        } else {
            const auto& paths = volume.source.empty() ? anonymous_paths : volume_paths;
            const auto found = paths.find(volume.source.empty() ? mount.target : volume.source);
            if (found == paths.end())
                throw blame(Error{ErrorKind::invalid_input,
                                  fmt::format("no volume for {}",
                                              volume.source.empty() ? mount.target : volume.source)},
                            volume.position);
            mount.host_path = found->second;
        }
        mounts.push_back(std::move(mount));
    }
    const std::set<std::string> covered = covered_targets(service);
    for (const std::string& target : anonymous_volume_targets(service, image)) {
        if (covered.count(target) != 0) continue;
        const auto found = anonymous_paths.find(target);
        if (found == anonymous_paths.end())
            throw Error{ErrorKind::invalid_input,
                        fmt::format("no volume for {}, which the image declares", target)};
        mounts.push_back({target, found->second, false, "", ""});
    }
    return mounts;
}

std::string effective_hostname(const Service& service, const std::string& id,
                               const std::string& host_hostname) {
    if (!service.hostname.empty()) return service.hostname;
    const bool is_hosts = service.network_mode == "host" || service.uts_mode == "host";
    if (is_hosts && !host_hostname.empty()) return host_hostname;
    return id.substr(0, 12);
}

ContainerSpec build_container_spec(const SpecInputs& inputs) {
    const Service& service = inputs.service;
    check_sysctls(service);
    ContainerSpec spec;
    spec.id = inputs.id;
    const std::string hostname = !inputs.network_hostname.empty()
                                     ? inputs.network_hostname
                                     : effective_hostname(service, inputs.id, inputs.host_hostname);
    if (service.uts_mode != "host") {
        spec.hostname = hostname;
        spec.domainname = service.domainname;
    }
    spec.root.lower = inputs.layers;
    spec.root.upper = inputs.upper;
    spec.root.work = inputs.work;
    spec.root.readonly = service.read_only;
    spec.process = process_spec(inputs, hostname);
    spec.mounts = all_mounts(inputs);
    spec.namespaces = namespaces(inputs);
    add_user_namespace(inputs, spec);
    add_time_offsets(service.time_offsets, spec);
    spec.cgroups_path = inputs.cgroups_path;
    spec.resources = resources(inputs);
    spec.devices = inputs.devices;
    spec.sysctl = service.sysctls;
    if (service.privileged || service.security.seccomp_unconfined)
        spec.seccomp.kind = SeccompSpec::Kind::unconfined;
    if (!service.privileged && !service.security.system_paths_unconfined) {
        spec.masked_paths = default_masked_paths();
        spec.readonly_paths = default_readonly_paths();
    }
    spec.init = service.init.value_or(false);
    spec.annotations = service.annotations;
    spec.annotations["stack.project"] = inputs.project;
    spec.annotations["stack.service"] = service.name;
    spec.annotations["stack.container"] = inputs.container_name;
    return spec;
}

}  // namespace stack::plan
