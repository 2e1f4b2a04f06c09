#include "runtime/joined_mounts.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

namespace stack {

std::string joined_mounts(const ContainerSpec& spec) {
    const NamespaceSpec* mounts = find_namespace(spec, NamespaceKind::mount);
    return mounts == nullptr ? std::string{} : mounts->path;
}

void check_joined_mounts(const ContainerSpec& spec) {
    const std::string path = joined_mounts(spec);
    if (path.empty()) return;
    if (find_namespace(spec, NamespaceKind::user) != nullptr)
        throw Error{ErrorKind::not_supported,
                    fmt::format("the mount namespace {} can't be joined beside a user namespace", path)};
    struct stat wanted {};
    if (::stat(path.c_str(), &wanted) != 0) throw_errno(fmt::format("open the mount namespace {}", path));
    for (const std::string& name : list_directory("/proc")) {
        if (!parse_int(name)) continue;
        struct stat other {};
        if (::stat(fmt::format("/proc/{}/ns/mnt", name).c_str(), &other) != 0) continue;  // it has ended
        if (other.st_dev == wanted.st_dev && other.st_ino == wanted.st_ino)
            throw Error{ErrorKind::conflict,
                        fmt::format("process {} is in the mount namespace {}", name, path)}
                .with_hint(
                    "its root would be exchanged for the container's: join one that was made for it, or make "
                    "a new one");
    }
}

}  // namespace stack
