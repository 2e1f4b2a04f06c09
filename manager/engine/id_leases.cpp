#include "manager/engine/id_leases.hpp"

#include "manager/engine/project_store.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file_lock.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::engine {

using nlohmann::json;

namespace {

constexpr int kLeasesVersion = 1;

struct IdLease {
    IdOwner owner;
    ContainerIds ids;
};

std::string leases_path(const Paths& paths) {
    return paths.data_root + "/id-ranges.json";
}

std::vector<IdLease> read_leases(const Paths& paths) {
    const std::string path = leases_path(paths);
    const std::optional<std::string> text = read_file_if_exists(path);
    if (!text) return {};
    std::vector<IdLease> leases;
    try {
        const json document = json::parse(*text);
        if (document.at("version").get<int>() != kLeasesVersion)
            throw Error{ErrorKind::not_supported, fmt::format("{} is of another version of stack", path)};
        for (const json& entry : document.at("ranges")) {
            IdLease lease;
            entry.at("project").get_to(lease.owner.project);
            entry.at("container").get_to(lease.owner.id);
            entry.at("uid").get_to(lease.ids.uid_first);
            entry.at("gid").get_to(lease.ids.gid_first);
            entry.at("size").get_to(lease.ids.size);
            leases.push_back(std::move(lease));
        }
    } catch (const json::exception& error) {
        throw Error{ErrorKind::invalid_input, fmt::format("{} can't be understood: {}", path, error.what())}
            .with_hint("take down what has `userns_mode: private`, then remove the file");
    }
    return leases;
}

void write_leases(const Paths& paths, const std::vector<IdLease>& leases) {
    const std::string path = leases_path(paths);
    if (leases.empty()) {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(fmt::format("remove {}", path));
        return;
    }
    json ranges = json::array();
    for (const IdLease& lease : leases)
        ranges.push_back({{"project", lease.owner.project},
                          {"container", lease.owner.id},
                          {"uid", lease.ids.uid_first},
                          {"gid", lease.ids.gid_first},
                          {"size", lease.ids.size}});
    const json document{{"version", kLeasesVersion}, {"ranges", std::move(ranges)}};
    // Containers survive a power cut as far as their files go, which carry the ids.
    write_file_atomically(path, document.dump(), Durability::power_loss);
}

FileLock lock_leases(const Paths& paths) {
    make_directories(paths.data_root);
    return FileLock::acquire(paths.data_root + "/id-ranges.lock");
}

std::vector<IdLease> living(const Paths& paths, std::vector<IdLease> leases) {
    std::erase_if(leases, [&paths](const IdLease& lease) {
        return !path_exists(container_directory(paths, lease.owner.project, lease.owner.id));
    });
    return leases;
}

struct IdKind {
    const char* what;
    const char* subordinate;
    const char* accounts;
    const char* own_map;
    std::uint32_t ContainerIds::*first;
};
constexpr IdKind kUsers{"uids", "/etc/subuid", "/etc/passwd", "/proc/self/uid_map", &ContainerIds::uid_first};
constexpr IdKind kGroups{"gids", "/etc/subgid", "/etc/group", "/proc/self/gid_map", &ContainerIds::gid_first};

std::uint32_t find_ids(const IdKind& kind, const std::vector<IdLease>& leases, std::uint32_t size) {
    const auto read = [](const char* path) { return read_file_if_exists(path).value_or(""); };
    const IdPool pool = id_pool({read(kind.subordinate), read(kind.accounts), read(kind.own_map)});
    std::vector<IdRange> taken;
    taken.reserve(leases.size());
    for (const IdLease& lease : leases) taken.push_back({lease.ids.*kind.first, lease.ids.size});
    if (const auto first = first_free(pool, taken, size)) return *first;
    throw Error{ErrorKind::conflict,
                fmt::format("no {} {} in a row are left for a user namespace", size, kind.what)}
        .with_hint(pool.declared
                       ? fmt::format("{} says which ones there are: give more to the user stack there, like "
                                     "stack:1000000:6553600, or ask for less by userns_mode: auto:size=N",
                                     kind.subordinate)
                       : fmt::format("give the user stack some in {}, like stack:1000000:6553600",
                                     kind.subordinate));
}

ContainerIds find_ids(const std::vector<IdLease>& leases, std::uint32_t size) {
    return {find_ids(kUsers, leases, size), find_ids(kGroups, leases, size), size};
}

}  // namespace

ContainerIds lease_ids(const Paths& paths, const IdOwner& owner, std::uint32_t size) {
    const FileLock lock = lock_leases(paths);
    std::vector<IdLease> leases = living(paths, read_leases(paths));
    for (const IdLease& lease : leases)
        if (lease.owner == owner) return lease.ids;
    leases.push_back({owner, find_ids(leases, size)});
    write_leases(paths, leases);
    return leases.back().ids;
}

void check_free_ids(const Paths& paths, std::uint32_t size) {
    static_cast<void>(find_ids(living(paths, read_leases(paths)), size));
}

void release_ids(const Paths& paths, const IdOwner& owner) {
    const FileLock lock = lock_leases(paths);
    std::vector<IdLease> leases = read_leases(paths);
    if (std::erase_if(leases, [&owner](const IdLease& lease) { return lease.owner == owner; }) == 0) return;
    write_leases(paths, leases);
}

}  // namespace stack::engine
