#include "runtime/cgroup.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/undo.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>

#include <fmt/format.h>

namespace stack {

namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

void pause_for(milliseconds time) {
    ::poll(nullptr, 0, static_cast<int>(time.count()));
}

std::vector<std::string> path_components(const std::string& path) {
    std::vector<std::string> parts = split(path, '/');
    if (parts.size() < 2 || !parts[0].empty())
        parts.clear();
    else
        parts.erase(parts.begin());
    for (const std::string& part : parts)
        if (part.empty() || part == "." || part == "..") parts.clear();
    if (parts.empty()) throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a cgroup path", path)};
    return parts;
}

UniqueFd open_below(int dir, const char* name, int flags) {
    return UniqueFd{::openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW)};
}

UniqueFd open_subdirectory(int dir, const std::string& name) {
    return open_below(dir, name.c_str(), O_RDONLY | O_DIRECTORY);
}

std::optional<std::string> read_at(int dir, const char* file) {
    const UniqueFd fd = open_below(dir, file, O_RDONLY);
    if (!fd.valid()) return std::nullopt;
    try {
        return read_all(fd.get(), file);
    } catch (const Error&) {  // ENODEV: the cgroup was removed meanwhile; EOPNOTSUPP: a threaded one
        return std::nullopt;
    }
}

/// 0, or the errno of a failed write of the whole value at once (a cgroup file takes one write as one
/// command).
int write_at(int dir, const std::string& file, std::string_view value) {
    const UniqueFd fd = open_below(dir, file.c_str(), O_WRONLY);
    if (!fd.valid()) return errno;
    while (::write(fd.get(), value.data(), value.size()) < 0)
        if (errno != EINTR) return errno;
    return 0;
}

std::optional<std::uint64_t> to_number(std::string_view text) {
    const std::optional<long long> value = parse_int(trim(text));
    if (!value || *value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
}

/// The number after `key ` on its own line of a flat keyed file.
std::optional<std::uint64_t> keyed_number(const std::optional<std::string>& text, std::string_view key) {
    if (!text) return std::nullopt;
    for (const std::string& line : split(*text, '\n'))
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
            return to_number(std::string_view{line}.substr(key.size() + 1));
    return std::nullopt;
}

// ---- Directories ----

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

enum class Kind { v1, v2 };

struct MadeDirectory {
    UniqueFd dir;
    bool created = false;
};

/// Makes the path below a mount point. Another command may remove an empty parent at the same moment, so
/// ENOENT starts over. Throws Error.
MadeDirectory make_cgroup_directory(const std::string& mount, const std::vector<std::string>& parts,
                                    Kind kind, const std::vector<std::string>& controllers) {
    const bool cpuset =
        kind == Kind::v1 && std::find(controllers.begin(), controllers.end(), "cpuset") != controllers.end();
    for (int attempt = 0;; ++attempt) {
        MadeDirectory result{open_directory(mount), false};
        std::string shown = mount;
        int err = 0;
        for (const std::string& part : parts) {
            if (kind == Kind::v2) switch_on_controllers(result.dir.get(), controllers, shown);
            shown += '/' + part;
            result.created = ::mkdirat(result.dir.get(), part.c_str(), 0755) == 0;
            if (!result.created && errno != EEXIST) {
                err = errno;
                break;
            }
            UniqueFd child = open_subdirectory(result.dir.get(), part);
            if (!child.valid()) {
                err = errno;
                break;
            }
            if (cpuset) inherit_cpuset(result.dir.get(), child.get());
            result.dir = std::move(child);
        }
        if (err == 0) return result;
        if ((err != ENOENT && err != ENODEV) || attempt == 20)
            throw Error::from_errno(err, fmt::format("make cgroup '{}'", shown));
    }
}

UniqueFd open_cgroup_directory(const std::string& mount, const std::string& path) {
    return UniqueFd{::open((mount + path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
}

/// Mount point -> the v1 controllers on it (cpu and cpuacct often share one).
std::map<std::string, std::vector<std::string>> group_by_mount(const CgroupLayout& layout) {
    std::map<std::string, std::vector<std::string>> result;
    for (const auto& [controller, mount] : layout.v1_mounts) result[mount].push_back(controller);
    return result;
}

std::set<std::string> all_mounts(const CgroupLayout& layout) {
    std::set<std::string> result;
    for (const auto& [controller, mount] : layout.v1_mounts) result.insert(mount);
    if (layout.has_unified()) result.insert(layout.unified_mount);
    return result;
}

std::vector<std::string> child_groups(int dir) {
    UniqueFd listing = open_below(dir, ".", O_RDONLY | O_DIRECTORY);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{listing.valid() ? ::fdopendir(listing.get()) : nullptr,
                                                     ::closedir};
    std::vector<std::string> names;
    if (!stream) return names;
    static_cast<void>(listing.release());
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name{entry->d_name};
        if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
    }
    return names;
}

/// rmdir, children first. 0 or the errno that stands in the way. A group that a container nested deeper than
/// `depth` levels is reported as ELOOP rather than followed.
int remove_group(int parent, const std::string& name, int depth = 256) {
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    const int err = errno;
    if (err != EBUSY && err != ENOTEMPTY) return err;
    if (depth == 0) return ELOOP;
    const UniqueFd dir = open_subdirectory(parent, name);
    if (!dir.valid()) return errno == ENOENT ? 0 : errno;
    for (const std::string& child : child_groups(dir.get()))
        if (const int below = remove_group(dir.get(), child, depth - 1); below != 0) return below;
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    return errno;
}

void collect_processes(int dir, std::set<pid_t>& into, int depth = 256) {
    if (const std::optional<std::string> text = read_at(dir, "cgroup.procs"))
        for (const std::string& line : split(*text, '\n'))
            if (const std::optional<long long> pid = parse_int(line); pid && *pid > 0)
                into.insert(static_cast<pid_t>(*pid));
    if (depth == 0) return;
    for (const std::string& name : child_groups(dir))
        if (const UniqueFd child = open_subdirectory(dir, name); child.valid())
            collect_processes(child.get(), into, depth - 1);
}

/// In a user namespace nobody can make or use device nodes in the first place: rules add nothing there.
bool in_child_user_namespace() {
    const std::vector<std::string> words = split(read_file("/proc/self/uid_map"), ' ');
    return std::find_if(words.begin(), words.end(),
                        [](const std::string& word) { return trim(word) == "4294967295"; }) == words.end();
}

// ---- Limits ----

bool host_has_swap() {
    const std::string swaps = read_file_if_exists("/proc/swaps").value_or("");
    return std::count(swaps.begin(), swaps.end(), '\n') > 1;  // the first line is the heading
}

Error refused_write(const CgroupWrite& write, int err) {
    const ErrorKind kind =
        err == EACCES || err == EPERM || err == EROFS ? ErrorKind::permission : ErrorKind::not_supported;
    return Error{kind, fmt::format("limit {} can't be enforced: write '{}' to {}: {}", write.limit,
                                   write.value, write.file, errno_text(err))};
}

/// All writes, in order. One that is refused is tried once more after the others: raising memory and
/// memory+swap of a living group needs the opposite order of lowering them.
void perform_writes(const std::vector<CgroupWrite>& writes,
                    const std::function<int(const std::string& controller)>& directory_of) {
    std::vector<const CgroupWrite*> again;
    for (const CgroupWrite& write : writes) {
        const int err = write_at(directory_of(write.controller), write.file, write.value);
        if (err == 0) continue;
        if (err == ENOENT && write.needs_swap && !host_has_swap()) continue;
        again.push_back(&write);
    }
    for (const CgroupWrite* write : again)
        if (const int err = write_at(directory_of(write->controller), write->file, write->value); err != 0)
            throw refused_write(*write, err);
}

}  // namespace

int Cgroup::controller_dir(std::string_view controller) const {
    for (const Hierarchy& hierarchy : v1_)
        for (const std::string& name : hierarchy.controllers)
            if (name == controller) return hierarchy.dir.get();
    return unified_.get();
}

int Cgroup::tree_dir() const {
    if (unified_.valid()) return unified_.get();
    const int freezer = controller_dir("freezer");
    return freezer >= 0 ? freezer : v1_.front().dir.get();
}

Cgroup Cgroup::create(const CgroupLayout& layout, const std::string& path, const ResourceSpec& resources,
                      DevicePrograms* programs) {
    const std::vector<std::string> parts = path_components(path);
    DevicePrograms own;
    DevicePrograms::Loaded program;
    if (layout.has_unified())
        program = (programs != nullptr ? *programs : own).get(effective_device_rules(resources));
    const CgroupPlan plan = plan_cgroup(layout, resources, program.fd >= 0);
    if (!plan.device_program && !layout.v1_mounts.contains("devices") && !in_child_user_namespace())
        throw Error{ErrorKind::not_supported,
                    fmt::format("limit devices can't be enforced: load device program: {}",
                                errno_text(program.error))};
    Cgroup group;
    group.path_ = path;
    Undo undo;
    undo.push([&layout, &path] { prune_empty_parents(layout, path); });
    const auto made = [&](MadeDirectory directory, const std::string& mount) {
        if (directory.created)
            undo.push([mount, path] {
                const UniqueFd root = open_directory(mount);
                remove_group(root.get(), path.substr(1));
            });
        return std::move(directory.dir);
    };
    if (layout.has_unified())
        group.unified_ =
            made(make_cgroup_directory(layout.unified_mount, parts, Kind::v2, plan.v2_controllers),
                 layout.unified_mount);
    for (const auto& [mount, controllers] : group_by_mount(layout)) {
        const bool wanted = std::any_of(controllers.begin(), controllers.end(), [&](const std::string& name) {
            return std::binary_search(plan.v1_controllers.begin(), plan.v1_controllers.end(), name);
        });
        if (!wanted) continue;
        Hierarchy hierarchy{
            controllers, made(make_cgroup_directory(mount, parts, Kind::v1, controllers), mount), {}};
        hierarchy.tasks = open_below(hierarchy.dir.get(), "tasks", O_WRONLY);
        if (!hierarchy.tasks.valid()) throw_errno(fmt::format("open '{}{}/tasks'", mount, path));
        group.v1_.push_back(std::move(hierarchy));
    }
    perform_writes(plan.v1_writes,
                   [&](const std::string& controller) { return group.controller_dir(controller); });
    perform_writes(plan.v2_writes, [&](const std::string&) { return group.unified_.get(); });
    if (plan.device_program) attach_device_program(group.unified_.get(), program.fd);
    group.layout_ = layout;
    undo.release();
    return group;
}

std::optional<Cgroup> Cgroup::open(const CgroupLayout& layout, const std::string& path) {
    path_components(path);
    Cgroup group;
    group.path_ = path;
    if (layout.has_unified()) group.unified_ = open_cgroup_directory(layout.unified_mount, path);
    for (const auto& [mount, controllers] : group_by_mount(layout)) {
        Hierarchy hierarchy{controllers, open_cgroup_directory(mount, path), {}};
        if (!hierarchy.dir.valid()) continue;
        hierarchy.tasks = open_below(hierarchy.dir.get(), "tasks", O_WRONLY);
        if (!hierarchy.tasks.valid()) continue;  // being removed at this moment
        group.v1_.push_back(std::move(hierarchy));
    }
    if (!group.unified_.valid() && group.v1_.empty()) return std::nullopt;
    group.layout_ = layout;
    return group;
}

void Cgroup::apply(const ResourceSpec& resources) const {
    CgroupPlan plan = plan_cgroup(layout_, resources, unified_.valid());
    for (const CgroupWrite& write : plan.v1_writes)
        if (controller_dir(write.controller) == unified_.get())
            throw Error{ErrorKind::not_supported,
                        fmt::format("limit {} can't be set on a living container: it was "
                                    "created without controller '{}'",
                                    write.limit, write.controller)};
    perform_writes(plan.v1_writes, [&](const std::string& controller) { return controller_dir(controller); });
    perform_writes(plan.v2_writes, [&](const std::string&) { return unified_.get(); });
    // Without rules the present program stays: an update of limits says nothing about devices.
    if (resources.devices.empty() || !unified_.valid()) return;
    DevicePrograms programs;
    const DevicePrograms::Loaded program = programs.get(effective_device_rules(resources));
    if (program.fd < 0) throw Error::from_errno(program.error, "load device program");
    attach_device_program(unified_.get(), program.fd);
}

std::vector<int> Cgroup::task_fds() const {
    std::vector<int> fds;
    for (const Hierarchy& hierarchy : v1_) fds.push_back(hierarchy.tasks.get());
    return fds;
}

void Cgroup::add_process(pid_t pid) const {
    const std::string text = fmt::format("{}", pid);
    if (unified_.valid())
        if (const int err = write_at(unified_.get(), "cgroup.procs", text); err != 0)
            throw Error::from_errno(err, fmt::format("move process {} to cgroup '{}'", pid, path_));
    for (const Hierarchy& hierarchy : v1_)
        if (const int err = write_at(hierarchy.dir.get(), "cgroup.procs", text); err != 0)
            throw Error::from_errno(err, fmt::format("move process {} to cgroup '{}' ({})", pid, path_,
                                                     join(hierarchy.controllers, ",")));
}

void Cgroup::freeze(bool frozen) const {
    const bool v2 = unified_.valid();
    const int dir = v2 ? unified_.get() : controller_dir("freezer");
    if (dir < 0) throw Error{ErrorKind::not_supported, "this host has no cgroup freezer"};
    const auto order = [&](bool on) {
        return v2 ? write_at(dir, "cgroup.freeze", on ? "1" : "0")
                  : write_at(dir, "freezer.state", on ? "FROZEN" : "THAWED");
    };
    if (const int err = order(frozen); err != 0)
        throw Error::from_errno(err, fmt::format("freeze cgroup '{}'", path_));
    const auto end = SteadyClock::now() + std::chrono::seconds{10};
    for (int pause = 0; this->frozen() != frozen; pause = std::min(pause + 1, 10)) {
        if (SteadyClock::now() > end) {
            if (frozen) order(false);
            throw Error{ErrorKind::timeout, fmt::format("cgroup '{}' does not {} within 10 s", path_,
                                                        frozen ? "freeze" : "thaw")};
        }
        pause_for(milliseconds{pause});
    }
}

bool Cgroup::frozen() const {
    if (unified_.valid())
        return keyed_number(read_at(unified_.get(), "cgroup.events"), "frozen") == std::uint64_t{1};
    const int dir = controller_dir("freezer");
    return dir >= 0 && trim(read_at(dir, "freezer.state").value_or("")) == "FROZEN";
}

void Cgroup::kill_all() const {
    if (unified_.valid()) {
        const int err = write_at(unified_.get(), "cgroup.kill", "1");
        if (err == 0 || err == ENODEV) return;
        if (err != ENOENT) throw Error::from_errno(err, fmt::format("kill cgroup '{}'", path_));
    }
    // Before Linux 5.14, and on v1: stop them first, so that none forks while we count; v1 delivers SIGKILL
    // on thaw.
    bool frozen = false;
    try {
        freeze(true);
        frozen = true;
    } catch (const Error&) {  // a process in uninterruptible sleep: kill without
    }
    for (int round = 0; round < (frozen ? 1 : 50); ++round) {
        const std::vector<pid_t> pids = processes();
        if (pids.empty()) break;
        for (const pid_t pid : pids)
            if (const std::optional<ProcessHandle> process = ProcessHandle::open(pid))
                process->signal(SIGKILL);
    }
    if (frozen) freeze(false);
}

std::uint64_t Cgroup::oom_kills() const {
    const int dir = controller_dir("memory");
    if (dir == unified_.get()) return keyed_number(read_at(dir, "memory.events"), "oom_kill").value_or(0);
    return keyed_number(read_at(dir, "memory.oom_control"), "oom_kill").value_or(0);
}

CgroupUsage Cgroup::usage() const {
    CgroupUsage result;
    const auto number_in = [](int dir, const char* file) {
        return to_number(read_at(dir, file).value_or(""));
    };
    if (unified_.valid()) {
        if (const auto us = keyed_number(read_at(unified_.get(), "cpu.stat"), "usage_usec"))
            result.cpu_time = std::chrono::microseconds{*us};
    } else if (const auto ns = number_in(controller_dir("cpuacct"), "cpuacct.usage")) {
        result.cpu_time = std::chrono::nanoseconds{*ns};
    }
    const int memory = controller_dir("memory");
    const bool v2 = memory == unified_.get();
    if (const auto bytes = number_in(memory, v2 ? "memory.current" : "memory.usage_in_bytes")) {
        const std::uint64_t droppable =
            keyed_number(read_at(memory, "memory.stat"), v2 ? "inactive_file" : "total_inactive_file")
                .value_or(0);
        result.memory_bytes = *bytes - std::min(*bytes, droppable);
    }
    constexpr std::uint64_t kUnlimited = 1ull << 62;  // v1 says "unlimited" by a very large number
    if (const auto limit = number_in(memory, v2 ? "memory.max" : "memory.limit_in_bytes");
        limit && *limit < kUnlimited)
        result.memory_limit_bytes = *limit;
    result.pids = number_in(controller_dir("pids"), "pids.current");
    if (!result.pids) result.pids = processes().size();
    return result;
}

bool Cgroup::populated() const {
    if (unified_.valid())
        return keyed_number(read_at(unified_.get(), "cgroup.events"), "populated").value_or(0) != 0;
    return !processes().empty();
}

std::vector<pid_t> Cgroup::processes() const {
    std::set<pid_t> pids;
    collect_processes(tree_dir(), pids);
    return {pids.begin(), pids.end()};
}

void remove_cgroup(const CgroupLayout& layout, const std::string& path, milliseconds limit) {
    path_components(path);
    const auto end = SteadyClock::now() + limit;
    for (const std::string& mount : all_mounts(layout)) {
        const UniqueFd root = open_directory(mount);
        for (int pause = 1;; pause = std::min(pause * 2, 20)) {
            const int err = remove_group(root.get(), path.substr(1));
            if (err == 0) break;
            if (err != EBUSY && err != ENOTEMPTY)
                throw Error::from_errno(err, fmt::format("remove cgroup '{}{}'", mount, path));
            if (SteadyClock::now() >= end)
                throw Error{ErrorKind::conflict,
                            fmt::format("processes are left in cgroup '{}{}'", mount, path)};
            pause_for(milliseconds{pause});
        }
    }
}

void prune_empty_parents(const CgroupLayout& layout, const std::string& path) {
    path_components(path);
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
