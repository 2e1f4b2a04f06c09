#include "manager/engine/host_devices.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace stack::engine {

namespace {

constexpr int kMaxDepth = 8;

// A link of the user's own choice is followed (/dev/serial/by-id/… are links). Those below it are passed over: they would
// name a node twice, or lead out of the directory.
void add_nodes(const std::string& path, const std::string& target, int depth,
               std::vector<DeviceSpec>& nodes) {
    struct stat info {};
    if ((depth == 0 ? ::stat(path.c_str(), &info) : ::lstat(path.c_str(), &info)) != 0)
        return;  // gone by now
    if (S_ISDIR(info.st_mode) && depth < kMaxDepth) {
        for (const std::string& name : list_directory(path))
            add_nodes(path + '/' + name, target + '/' + name, depth + 1, nodes);
        return;
    }
    if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) return;
    DeviceSpec node;
    node.path = target;
    node.type = S_ISBLK(info.st_mode) ? 'b' : 'c';
    node.major = gnu_dev_major(info.st_rdev);
    node.minor = gnu_dev_minor(info.st_rdev);
    node.mode = info.st_mode & 07777;
    node.uid = info.st_uid;
    node.gid = info.st_gid;
    nodes.push_back(std::move(node));
}

std::vector<DeviceSpec> nodes_of(const compose::DeviceGrant& grant) {
    const SourcePosition where{grant.position.file, grant.position.line, grant.position.column};
    struct stat info {};
    if (::stat(grant.source.c_str(), &info) != 0)
        throw Error::from_errno(errno, fmt::format("device '{}'", grant.source))
            .at(where)
            .with_hint("is it plugged in, and its driver loaded?");
    std::vector<DeviceSpec> nodes;
    add_nodes(grant.source, grant.target, 0, nodes);
    if (nodes.empty())
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is no device", grant.source)}
            .at(where)
            .with_hint("a file or a directory is brought in by `volumes`");
    return nodes;
}

}  // namespace

GrantedDevices granted_devices(const compose::Service& service) {
    GrantedDevices result;
    for (const compose::DeviceGrant& grant : service.devices) {
        if (!grant.source.starts_with('/')) continue;  // a name of CDI: service_devices.hpp
        for (DeviceSpec& node : nodes_of(grant)) {
            result.rules.push_back({.allow = true,
                                    .type = node.type,
                                    .major = node.major,
                                    .minor = node.minor,
                                    .access = grant.permissions});
            result.nodes.push_back(std::move(node));
        }
    }
    return result;
}

void add_all_host_devices(std::vector<DeviceSpec>& nodes) {
    constexpr std::array<std::string_view, 5> kOwn{"pts", "shm", "mqueue", "ptmx", "console"};
    std::set<std::string> taken;
    for (const DeviceSpec& node : nodes) taken.insert(node.path);
    std::vector<DeviceSpec> all;
    for (const std::string& name : list_directory("/dev"))
        if (std::find(kOwn.begin(), kOwn.end(), name) == kOwn.end())
            add_nodes("/dev/" + name, "/dev/" + name, 1, all);
    for (DeviceSpec& node : all)
        if (!taken.contains(node.path)) nodes.push_back(std::move(node));
}

}  // namespace stack::engine
