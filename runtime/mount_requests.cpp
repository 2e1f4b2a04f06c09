#include "runtime/mount_requests.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <linux/mount.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace stack {

namespace {

// Files below /proc that resource views (lxcfs) may cover; anything else there would fool those who write to /proc.
constexpr std::array<std::string_view, 9> kCoverableProcFiles{
    "/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/slabinfo",
    "/proc/stat",    "/proc/swaps",     "/proc/uptime",  "/proc/net/dev"};

constexpr std::array<std::string_view, 7> kTypes{"tmpfs",  "proc",   "sysfs",  "devpts",
                                                 "mqueue", "cgroup", "cgroup2"};

void check_bind(const MountRequest& mount) {
    if (!mount.spec->source.starts_with('/'))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the source of a bind mount must be an absolute path, not \"{}\"",
                                mount.spec->source)};
}

void check(const MountRequest& mount) {
    const std::string& type = mount.spec->type;
    if (mount.options.bind)
        check_bind(mount);
    else if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end())
        throw Error{ErrorKind::not_supported, fmt::format("mounts of type \"{}\" are not supported", type)};
    if (mount.destination == "/")
        throw Error{ErrorKind::invalid_input, "nothing can be mounted over the root file system"};
    const bool in_proc = mount.destination == "/proc" || mount.destination.starts_with("/proc/");
    const bool is_proc = mount.destination == "/proc" && type == "proc" && !mount.options.bind;
    const bool coverable = std::find(kCoverableProcFiles.begin(), kCoverableProcFiles.end(),
                                     mount.destination) != kCoverableProcFiles.end();
    if (in_proc && !is_proc && !coverable)
        throw Error{ErrorKind::invalid_input,
                    "nothing but a procfs can be mounted on /proc, and nothing below it"};
}

// The built-in mount whose options this one sets; nullptr when it is a mount of its own.
MountRequest* builtin_of(MountRequests& all, const MountRequest& mount) {
    struct Builtin {
        std::string_view destination, type;
        MountRequest* entry;
    };
    const Builtin builtins[] = {{"/proc", "proc", &all.proc},           {"/dev", "tmpfs", &all.dev},
                                {"/dev/pts", "devpts", &all.pts},       {"/dev/shm", "tmpfs", &all.shm},
                                {"/dev/mqueue", "mqueue", &all.mqueue}, {"/sys", "sysfs", &all.sys}};
    for (const Builtin& builtin : builtins) {
        if (mount.destination == builtin.destination && mount.spec->type == builtin.type &&
            !mount.options.bind)
            return builtin.entry;
    }
    return nullptr;
}

// The view of the control groups is always the same, one's own; only whether it can be written is for the spec to say.
bool is_cgroup_view(const MountRequest& mount) {
    return mount.destination == "/sys/fs/cgroup" && !mount.options.bind &&
           (mount.spec->type == "cgroup" || mount.spec->type == "cgroup2");
}

}  // namespace

bool MountRequests::take(std::string_view destination) const {
    return std::any_of(others.begin(), others.end(),
                       [&](const MountRequest& mount) { return mount.destination == destination; });
}

MountRequests read_mounts(const std::vector<MountSpec>& mounts) {
    MountRequests all;
    for (const MountSpec& spec : mounts) {
        try {
            MountRequest mount{&spec, clean_container_path(spec.destination, "mount point"),
                               parse_mount_options(spec.type, spec.options)};
            check(mount);
            if (is_cgroup_view(mount)) {
                all.writable_cgroups = (mount.options.clear & MOUNT_ATTR_RDONLY) != 0;
                continue;
            }
            if (MountRequest* builtin = builtin_of(all, mount))
                *builtin = std::move(mount);
            else
                all.others.push_back(std::move(mount));
        } catch (Error& error) {
            if (const auto origin = parse_origin(spec.origin)) error.at(*origin);
            error.add_context(fmt::format("mounting {}", spec.destination));
            throw;
        }
    }
    return all;
}

std::string clean_container_path(const std::string& path, const std::string& what) {
    if (!path.starts_with('/'))
        throw Error{ErrorKind::invalid_input, fmt::format("{} \"{}\" is not an absolute path", what, path)};
    if (path.find('\0') != std::string::npos || path.size() >= 4096)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{} \"{}\" is not a valid path", what, path.substr(0, 80))};
    std::string clean;
    for (const std::string& part : split(path, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..")
            throw Error{ErrorKind::invalid_input,
                        fmt::format("{} \"{}\" must not contain \"..\"", what, path)};
        clean += '/';
        clean += part;
    }
    return clean.empty() ? "/" : clean;
}

std::optional<SourcePosition> parse_origin(const std::string& origin) {
    if (origin.empty()) return std::nullopt;
    SourcePosition position{origin, 0, 0};
    const std::size_t second = origin.rfind(':');
    if (second == std::string::npos || second == 0) return position;
    const std::size_t first = origin.rfind(':', second - 1);
    const auto column = parse_int(std::string_view{origin}.substr(second + 1));
    if (first == std::string::npos || !column) return position;
    const auto line = parse_int(std::string_view{origin}.substr(first + 1, second - first - 1));
    if (!line) return position;
    return SourcePosition{origin.substr(0, first), static_cast<int>(*line), static_cast<int>(*column)};
}

}  // namespace stack
