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
    if (!mount.spec->source.starts_with('/') && !mount.spec->source.starts_with("fd:"))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the source of a bind mount must be an absolute path, not \"{}\"",
                                mount.spec->source)};
}

// What would be read and then not done.
void check_made_here(const MountRequest& mount) {
    const std::string& type = mount.spec->type;
    const MountOptions& options = mount.options;
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end())
        throw Error{ErrorKind::not_supported, fmt::format("mounts of type \"{}\" are not supported", type)};
    if (options.id_mapped || !mount.spec->uid_mappings.empty() || !mount.spec->gid_mappings.empty())
        throw Error{ErrorKind::not_supported, fmt::format("ids of a {} mount can't be mapped", type)}
            .with_hint("only those of a bind can");
    if (options.copy_up && (type != "tmpfs" || mount.destination == "/dev"))
        throw Error{
            ErrorKind::not_supported,
            fmt::format("a {} on {} can't take over what the image has there", type, mount.destination)};
    const bool spreads = options.propagation == MS_SHARED || options.propagation == MS_UNBINDABLE;
    if (spreads && type.starts_with("cgroup") && mount.destination == "/sys/fs/cgroup")
        throw Error{ErrorKind::not_supported, "the view of the control groups is private"};
}

void check(const MountRequest& mount) {
    const std::string& type = mount.spec->type;
    if (mount.options.bind)
        check_bind(mount);
    else
        check_made_here(mount);
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

struct WellKnown {
    std::string_view destination, type;
    MountRequest MountRequests::*entry;
};
constexpr WellKnown kWellKnown[] = {{"/proc", "proc", &MountRequests::proc},
                                    {"/dev", "tmpfs", &MountRequests::dev},
                                    {"/dev/pts", "devpts", &MountRequests::pts},
                                    {"/dev/shm", "tmpfs", &MountRequests::shm},
                                    {"/dev/mqueue", "mqueue", &MountRequests::mqueue},
                                    {"/sys", "sysfs", &MountRequests::sys},
                                    {"/sys/fs/cgroup", "cgroup", &MountRequests::cgroup},
                                    {"/sys/fs/cgroup", "cgroup2", &MountRequests::cgroup}};

// nullptr when it is a mount like any other.
MountRequest* well_known(MountRequests& all, const MountRequest& mount) {
    if (mount.options.bind || mount.options.copy_up) return nullptr;
    for (const WellKnown& known : kWellKnown)
        if (mount.destination == known.destination && mount.spec->type == known.type)
            return &(all.*known.entry);
    return nullptr;
}

// The well-known ones are mounted first: those that the spec has before this one would be below it.
void forget_covered(MountRequests& all, const MountRequest& mount) {
    for (const WellKnown& known : kWellKnown)
        if (known.destination == mount.destination || known.destination.starts_with(mount.destination + "/"))
            all.*known.entry = {};
}

}  // namespace

bool MountRequests::is_taken(std::string_view destination) const {
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
            if (!mount.options.bind) {  // a file system made here: it is all there is below
                mount.options.set |= mount.options.recursive_set;
                mount.options.clear |= mount.options.recursive_clear;
            }
            if (MountRequest* known = well_known(all, mount)) {
                std::erase_if(all.others, [&](const MountRequest& other) {
                    return other.destination == mount.destination;
                });
                *known = std::move(mount);
            } else {
                forget_covered(all, mount);
                all.others.push_back(std::move(mount));
            }
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
