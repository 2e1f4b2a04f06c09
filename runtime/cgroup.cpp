#include "runtime/cgroup.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/undo.hpp"
#include "runtime/cgroup_files.hpp"
#include "runtime/cgroup_limits.hpp"
#include "runtime/cgroup_plan.hpp"
#include "runtime/cgroup_tree.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace stack {

namespace {

using cgroup_files::read_at;
using cgroup_tree::Kind;

/// In a user namespace nobody can make or use device nodes in the first place: rules add nothing there. Who isn't root here
/// makes containers in one of their own.
bool without_device_nodes() {
    if (::geteuid() != 0) return true;
    const std::vector<std::string> words = split(read_file("/proc/self/uid_map"), ' ');
    return std::find_if(words.begin(), words.end(),
                        [](const std::string& word) { return trim(word) == "4294967295"; }) == words.end();
}

bool any_of_them(const std::vector<std::string>& controllers, const std::vector<std::string>& wanted) {
    return std::any_of(controllers.begin(), controllers.end(), [&](const std::string& name) {
        return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    });
}

}  // namespace

bool Cgroup::has_v1(std::string_view controller) const {
    return std::any_of(v1_.begin(), v1_.end(), [&](const Hierarchy& hierarchy) {
        return std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(), controller) !=
               hierarchy.controllers.end();
    });
}

int Cgroup::controller_dir(std::string_view controller) const {
    for (const Hierarchy& hierarchy : v1_)
        for (const std::string& name : hierarchy.controllers)
            if (name == controller) return hierarchy.dir();
    return unified_.get();
}

int Cgroup::tree_dir() const {
    if (unified_.valid()) return unified_.get();
    const int freezer = controller_dir("freezer");
    return freezer >= 0 ? freezer : v1_.front().dir();
}

Cgroup Cgroup::create(const CgroupLayout& layout, const std::string& path, const ResourceSpec& resources,
                      DevicePrograms* programs) {
    Undo undo;
    Cgroup group = make(layout, path, resources, CgroupControllers::needed, undo);
    DevicePrograms own;
    group.restrict_devices(resources, programs != nullptr ? *programs : own);
    undo.release();
    return group;
}

Cgroup Cgroup::create_without_devices(const CgroupLayout& layout, const std::string& path,
                                      const ResourceSpec& resources, CgroupControllers wanted) {
    Undo undo;
    Cgroup group = make(layout, path, resources, wanted, undo);
    undo.release();
    return group;
}

Cgroup Cgroup::make(const CgroupLayout& layout, const std::string& path, const ResourceSpec& resources,
                    CgroupControllers wanted, Undo& undo) {
    const std::vector<std::string> parts = cgroup_tree::components(path);
    const CgroupPlan plan = plan_cgroup(layout, resources, true, wanted);
    Cgroup group;
    group.path_ = path;
    group.layout_ = layout;
    undo.push([layout, path] { prune_empty_parents(layout, path); });
    const auto make_in = [&](const std::string& mount, Kind kind,
                             const std::vector<std::string>& controllers) -> UniqueFd {
        cgroup_tree::MadeDirectory made{
            {}, kind == Kind::v1 && cgroup_tree::make_last_part(mount, path, controllers)};
        if (!made.created) made = cgroup_tree::make(mount, parts, kind, controllers);
        if (made.created) undo.push([mount = mount, path] { cgroup_tree::remove(mount, path); });
        return std::move(made.dir);
    };
    if (layout.has_unified()) group.unified_ = make_in(layout.unified_mount, Kind::v2, plan.v2_controllers);
    for (const auto& [mount, controllers] : cgroup_tree::v1_by_mount(layout)) {
        if (!any_of_them(controllers, plan.v1_controllers)) continue;
        make_in(mount, Kind::v1, controllers);
        group.add_hierarchy(mount, controllers);
    }
    const auto directory_of = [&](const std::string& controller) { return group.controller_dir(controller); };
    cgroup_limits::perform(plan.v1_writes, directory_of);
    cgroup_limits::perform(plan.v2_writes, [&](const std::string&) { return group.unified_.get(); });
    return group;
}

bool Cgroup::restrict_devices_by_program(const ResourceSpec& resources, DevicePrograms& programs) const {
    if (!unified_.valid()) return false;
    const DevicePrograms::Loaded program = programs.get(effective_device_rules(resources));
    if (program.fd >= 0) attach_device_program(unified_.get(), program.fd);
    return program.fd >= 0;
}

void Cgroup::restrict_devices(const ResourceSpec& resources, DevicePrograms& programs) {
    if (restrict_devices_by_program(resources, programs)) return;
    const std::vector<DeviceRule> rules = effective_device_rules(resources);
    join_v1_controllers({"devices"});  // where the kernel has no such programs
    if (has_v1("devices")) {
        cgroup_limits::set_v1_devices(controller_dir("devices"), rules);
    } else if (!without_device_nodes()) {
        throw Error{ErrorKind::not_supported,
                    fmt::format("limit devices can't be enforced: load device program: {}",
                                errno_text(programs.get(rules).error))};
    }
}

int Cgroup::Hierarchy::dir() const {
    if (!opened.valid()) opened = cgroup_tree::open(path, "");
    return opened.get();
}

void Cgroup::add_hierarchy(const std::string& mount, std::vector<std::string> controllers) {
    Hierarchy hierarchy{std::move(controllers), mount + path_, {}};
    const std::string tasks = hierarchy.path + "/tasks";
    const auto open_tasks = [&] {
        hierarchy.tasks.reset(::open(tasks.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    };
    open_tasks();
    if (!hierarchy.tasks.valid() && errno == ENOENT) {  // another command took it for an empty parent
        cgroup_tree::make(mount, cgroup_tree::components(path_), Kind::v1, hierarchy.controllers);
        open_tasks();
    }
    if (!hierarchy.tasks.valid()) throw_errno(fmt::format("open '{}'", tasks));
    v1_.push_back(std::move(hierarchy));
}

std::optional<Cgroup> Cgroup::open(const CgroupLayout& layout, const std::string& path) {
    cgroup_tree::components(path);
    Cgroup group;
    group.path_ = path;
    group.layout_ = layout;
    if (layout.has_unified()) group.unified_ = cgroup_tree::open(layout.unified_mount, path);
    for (const auto& [mount, controllers] : cgroup_tree::v1_by_mount(layout)) {
        Hierarchy hierarchy{controllers, mount + path, {}};
        if (hierarchy.dir() < 0) continue;
        hierarchy.tasks = cgroup_files::open_below(hierarchy.dir(), "tasks", O_WRONLY);
        if (!hierarchy.tasks.valid()) continue;  // being removed at this moment
        group.v1_.push_back(std::move(hierarchy));
    }
    if (!group.unified_.valid() && group.v1_.empty()) return std::nullopt;
    return group;
}

void Cgroup::descend(const std::string& below, const std::vector<std::string>& controllers) {
    const std::string path = path_ + below;
    cgroup_tree::components(path);
    const auto missing = [](const std::string& where) {
        return Error{ErrorKind::not_found, fmt::format("there is no cgroup {}", where)};
    };
    for (const std::string& controller : controllers)
        if (!has_v1(controller)) throw missing(fmt::format("{} of controller {}", path_, controller));
    if (controllers.empty() && unified_.valid()) {
        unified_ = cgroup_tree::open(layout_.unified_mount, path);
        if (!unified_.valid()) throw missing(layout_.unified_mount + path);
    }
    for (Hierarchy& hierarchy : v1_) {
        if (!controllers.empty() && !any_of_them(hierarchy.controllers, controllers)) continue;
        hierarchy.path = layout_.v1_mounts.at(hierarchy.controllers.front()) + path;
        hierarchy.opened.reset();
        if (hierarchy.dir() >= 0)
            hierarchy.tasks = cgroup_files::open_below(hierarchy.dir(), "tasks", O_WRONLY);
        if (hierarchy.dir() < 0 || !hierarchy.tasks.valid()) throw missing(hierarchy.path);
    }
}

void Cgroup::apply(const ResourceSpec& resources, Undo* undo) {
    if (resources.check_before_update) refuse_limit_below_use(resources);
    const CgroupPlan plan = plan_cgroup(layout_, resources, unified_.valid());
    if (unified_.valid() && !plan.v2_writes.empty())  // controllers that it was made without
        cgroup_tree::make(layout_.unified_mount, cgroup_tree::components(path_), Kind::v2,
                          plan.v2_controllers);
    std::vector<std::string> wanted;
    for (const CgroupWrite& write : plan.v1_writes) wanted.push_back(write.controller);
    join_v1_controllers(wanted);
    Undo own;
    Undo& steps_back = undo != nullptr ? *undo : own;
    const auto directory_of = [this](const std::string& controller) { return controller_dir(controller); };
    cgroup_limits::perform(plan.v1_writes, directory_of, &steps_back);
    cgroup_limits::perform(
        plan.v2_writes, [this](const std::string&) { return unified_.get(); }, &steps_back);
    if (!resources.devices.empty()) apply_devices(resources, steps_back);
    own.release();
}

void Cgroup::apply_devices(const ResourceSpec& resources, Undo& undo) const {
    const std::vector<DeviceRule> rules = effective_device_rules(resources);
    if (has_v1("devices")) return cgroup_limits::set_v1_devices(controller_dir("devices"), rules, &undo);
    DevicePrograms programs;
    const DevicePrograms::Loaded program = programs.get(rules);
    if (program.fd < 0) throw Error::from_errno(program.error, "load device program");
    const auto before = std::make_shared<UniqueFd>(attach_device_program(unified_.get(), program.fd));
    undo.push([dir = unified_.get(), before] {
        if (before->valid()) attach_device_program(dir, before->get());
    });
}

void Cgroup::join_v1_controllers(const std::vector<std::string>& wanted) {
    for (const auto& [mount, controllers] : cgroup_tree::v1_by_mount(layout_)) {
        if (!any_of_them(controllers, wanted) || has_v1(controllers.front())) continue;
        cgroup_tree::make(mount, cgroup_tree::components(path_), Kind::v1, controllers);
        add_hierarchy(mount, controllers);
        const int dir = v1_.back().dir();
        // A child of a process that was moved is born in the new place: after a few rounds nobody is left behind.
        for (bool moved = true; moved;) {
            moved = false;
            const std::vector<pid_t> inside = cgroup_tree::processes(dir);
            for (const pid_t pid : processes()) {
                if (std::binary_search(inside.begin(), inside.end(), pid)) continue;
                const int err = cgroup_files::write_at(dir, "cgroup.procs", fmt::format("{}", pid));
                if (err != 0 && err != ESRCH)
                    throw Error::from_errno(
                        err, fmt::format("move process {} to cgroup '{}{}'", pid, mount, path_));
                moved = moved || err == 0;
            }
        }
    }
}

void Cgroup::refuse_limit_below_use(const ResourceSpec& resources) const {
    const int dir = controller_dir("memory");
    const bool v2 = dir == unified_.get();
    const auto used =
        cgroup_files::to_number(read_at(dir, v2 ? "memory.current" : "memory.usage_in_bytes").value_or(""));
    const std::int64_t limit = resources.memory_limit_bytes.value_or(0);
    if (limit > 0 && used && *used > static_cast<std::uint64_t>(limit))
        throw Error{
            ErrorKind::conflict,
            fmt::format("limit memory.limit of {} bytes is below the {} bytes in use now", limit, *used)};
}

std::vector<int> Cgroup::task_fds() const {
    std::vector<int> fds;
    for (const Hierarchy& hierarchy : v1_) fds.push_back(hierarchy.tasks.get());
    return fds;
}

std::uint64_t Cgroup::oom_kills() const {
    return count_oom_kills(controller_dir("memory"), !has_v1("memory"));
}

OomWatch Cgroup::watch_oom() const {
    if (!has_v1("memory") && cgroup_files::open_below(unified_.get(), "memory.events", O_PATH).get() < 0)
        throw Error{ErrorKind::not_supported,
                    fmt::format("cgroup '{}' has no memory controller to watch", path_)};
    return {duplicate_fd(controller_dir("memory")), !has_v1("memory")};
}

CgroupStats Cgroup::stats() const {
    CgroupStatFiles files;
    files.on_v1 = [this](std::string_view controller) { return has_v1(controller); };
    files.read = [this](std::string_view controller, const std::string& file) -> std::optional<std::string> {
        const int dir = controller.empty() ? unified_.get() : controller_dir(controller);
        return dir < 0 ? std::nullopt : read_at(dir, file.c_str());
    };
    files.hugepage_sizes = host_hugepage_sizes();
    return collect_stats(files);
}

}  // namespace stack
