#include "runtime/cgroup_tree.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/cgroup_files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace stack {

namespace {

using namespace cgroup_files;
using cgroup_tree::Kind;
using cgroup_tree::MadeDirectory;

bool has_word(const std::optional<std::string>& text, const std::string& word) {
    if (!text) return false;
    const std::vector<std::string> words = split(trim(*text), ' ');
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// Lets children of `dir` use the controllers (v2). Throws Error.
void switch_on_controllers(int dir, const std::vector<std::string>& controllers, const std::string& shown) {
    if (controllers.empty()) return;
    const std::optional<std::string> on = read_at(dir, "cgroup.subtree_control");
    std::string missing;
    for (const std::string& controller : controllers)
        if (!has_word(on, controller)) missing += (missing.empty() ? "+" : " +") + controller;
    if (missing.empty()) return;
    const int err = write_at(dir, "cgroup.subtree_control", missing);
    if (err == 0) return;
    Error error =
        Error::from_errno(err, fmt::format("write '{}' to '{}/cgroup.subtree_control'", missing, shown));
    if (err == EBUSY) error.with_hint("processes live in this cgroup itself; move them to a child of it");
    throw error;
}

/// v1 cpuset: a new group has no CPU and no memory node, and refuses processes until it has.
void inherit_cpuset(int parent, int child) {
    for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
        const std::optional<std::string> own = read_at(child, file);
        if (!own || !trim(*own).empty()) continue;
        if (const std::optional<std::string> from = read_at(parent, file)) write_at(child, file, trim(*from));
    }
}

/// One walk down; 0 or the errno that ended it. `shown` is how far it came.
int walk_down(MadeDirectory& at, std::string& shown, const std::vector<std::string>& parts, Kind kind,
              const std::vector<std::string>& controllers) {
    const bool cpuset =
        kind == Kind::v1 && std::find(controllers.begin(), controllers.end(), "cpuset") != controllers.end();
    for (const std::string& part : parts) {
        if (kind == Kind::v2) switch_on_controllers(at.dir.get(), controllers, shown);
        shown += '/' + part;
        at.created = ::mkdirat(at.dir.get(), part.c_str(), 0755) == 0;
        if (!at.created && errno != EEXIST) return errno;
        UniqueFd child = open_subdirectory(at.dir.get(), part);
        if (!child.valid()) return errno;
        if (cpuset) inherit_cpuset(at.dir.get(), child.get());
        at.dir = std::move(child);
    }
    return 0;
}

int remove_empty_group(int parent, const std::string& name) {
    return ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

int remove_group(int parent, const std::string& name) {
    const int err = remove_empty_group(parent, name);
    if (err != EBUSY && err != ENOTEMPTY) return err;
    const UniqueFd dir = open_subdirectory(parent, name);
    if (!dir.valid()) return errno == ENOENT ? 0 : errno;
    const int below = walk_groups(
        dir.get(), [](int) {}, remove_empty_group);
    return below != 0 ? below : remove_empty_group(parent, name);
}

void collect_processes(int dir, std::set<pid_t>& into) {
    if (const std::optional<std::string> text = read_at(dir, "cgroup.procs"))
        for (const std::string& line : split(*text, '\n'))
            if (const std::optional<long long> pid = parse_int(line); pid && *pid > 0)
                into.insert(static_cast<pid_t>(*pid));
}

std::set<std::string> all_mounts(const CgroupLayout& layout) {
    std::set<std::string> result;
    for (const auto& [controller, mount] : layout.v1_mounts) result.insert(mount);
    if (layout.has_unified()) result.insert(layout.unified_mount);
    return result;
}

}  // namespace

std::vector<std::string> cgroup_tree::components(const std::string& path) {
    std::vector<std::string> parts = split(path, '/');
    if (parts.size() < 2 || !parts[0].empty())
        parts.clear();
    else
        parts.erase(parts.begin());
    for (const std::string& part : parts)
        if (part.empty() || part == "." || part == "..") {
            parts.clear();
            break;
        }
    if (parts.empty()) throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a cgroup path", path)};
    return parts;
}

bool cgroup_tree::make_last_part(const std::string& mount, const std::string& path,
                                 const std::vector<std::string>& controllers) {
    const bool cpuset = std::find(controllers.begin(), controllers.end(), "cpuset") != controllers.end();
    return !cpuset && ::mkdir((mount + path).c_str(), 0755) == 0;
}

MadeDirectory cgroup_tree::make(const std::string& mount, const std::vector<std::string>& parts, Kind kind,
                                const std::vector<std::string>& controllers) {
    for (int attempt = 0;; ++attempt) {
        MadeDirectory result{open_directory(mount), false};
        std::string shown = mount;
        const int err = walk_down(result, shown, parts, kind, controllers);
        if (err == 0) return result;
        if ((err != ENOENT && err != ENODEV) || attempt == 20)
            throw Error::from_errno(err, fmt::format("make cgroup '{}'", shown));
    }
}

UniqueFd cgroup_tree::open(const std::string& mount, const std::string& path) {
    return UniqueFd{::open((mount + path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
}

int cgroup_tree::remove(const std::string& mount, const std::string& path) {
    if (::rmdir((mount + path).c_str()) == 0 || errno == ENOENT) return 0;
    const UniqueFd root = open_directory(mount);
    return remove_group(root.get(), path.substr(1));
}

std::map<std::string, std::vector<std::string>> cgroup_tree::v1_by_mount(const CgroupLayout& layout) {
    std::map<std::string, std::vector<std::string>> result;
    for (const auto& [controller, mount] : layout.v1_mounts) result[mount].push_back(controller);
    return result;
}

std::vector<pid_t> cgroup_tree::processes(int dir) {
    std::set<pid_t> pids;
    collect_processes(dir, pids);
    cgroup_files::walk_groups(
        dir, [&](int below) { collect_processes(below, pids); }, [](int, const std::string&) { return 0; });
    return {pids.begin(), pids.end()};
}

void remove_cgroup(const CgroupLayout& layout, const std::string& path, std::chrono::milliseconds limit) {
    cgroup_tree::components(path);
    const auto end = std::chrono::steady_clock::now() + limit;
    for (const std::string& mount : all_mounts(layout))
        for (int pause_ms = 1;; pause_ms = std::min(pause_ms * 2, 20)) {
            const int err = cgroup_tree::remove(mount, path);
            if (err == 0) break;
            if (err != EBUSY && err != ENOTEMPTY)
                throw Error::from_errno(err, fmt::format("remove cgroup '{}{}'", mount, path));
            if (std::chrono::steady_clock::now() >= end)
                throw Error{ErrorKind::conflict,
                            fmt::format("processes are left in cgroup '{}{}'", mount, path)};
            ::poll(nullptr, 0, pause_ms);
        }
}

bool remove_empty_cgroup(const CgroupLayout& layout, const std::string& path) {
    cgroup_tree::components(path);
    const std::set<std::string> mounts = all_mounts(layout);
    return std::all_of(mounts.begin(), mounts.end(), [&](const std::string& mount) {
        return ::rmdir((mount + path).c_str()) == 0 || errno == ENOENT;
    });
}

void prune_empty_parents(const CgroupLayout& layout, const std::string& path) {
    cgroup_tree::components(path);
    for (const std::string& mount : all_mounts(layout)) {
        const UniqueFd root = open_directory(mount);
        for (std::string group = path.substr(1); !group.empty();) {
            if (::unlinkat(root.get(), group.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) break;
            const std::size_t slash = group.rfind('/');
            group.erase(slash == std::string::npos ? 0 : slash);
        }
    }
}

}  // namespace stack
