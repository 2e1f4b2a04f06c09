#include "runtime/pipe_owner.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace stack {

namespace {

// What can't be given stays whose it is: the container then runs all the same. The group too: only what both ids of are known
// inside can be given on there.
void give_pipes(const LaunchFds& fds, std::optional<std::uint32_t> uid, std::optional<std::uint32_t> gid) {
    if (!uid || !gid) return;
    for (const int stream : {fds.in, fds.out, fds.err}) {
        struct stat info {};
        if (stream >= 0 && ::fstat(stream, &info) == 0 && S_ISFIFO(info.st_mode))
            static_cast<void>(::fchown(stream, *uid, *gid) == 0);
    }
}

std::optional<std::uint32_t> root_among(const std::vector<IdMapping>& mappings) {
    for (const IdMapping& mapping : mappings)
        if (mapping.container_id == 0) return mapping.host_id;
    return std::nullopt;
}

// user_namespaces(7)
std::optional<std::uint32_t> root_in(const std::string& map_file) {
    std::ifstream map{map_file};
    std::uint32_t inside = 0, outside = 0, count = 0;
    while (map >> inside >> outside >> count)
        if (inside == 0) return outside;
    return std::nullopt;
}

}  // namespace

void give_pipes_to_root_of(const ContainerSpec& spec, const LaunchFds& fds) {
    if (find_namespace(spec, NamespaceKind::user) != nullptr)
        give_pipes(fds, root_among(spec.uid_mappings), root_among(spec.gid_mappings));
}

void give_pipes_to_root_of(pid_t pid, const LaunchFds& fds) {
    give_pipes(fds, root_in(fmt::format("/proc/{}/uid_map", pid)),
               root_in(fmt::format("/proc/{}/gid_map", pid)));
}

}  // namespace stack
