#include "manager/engine/project_scope.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/cgroup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace stack::engine {

namespace {

constexpr std::string_view kOwnGroup = "/supervisor";
constexpr const char* kSlice = "system.slice";

std::string unit_of(std::string_view project) {
    return fmt::format("stack-{}.scope", project);
}

bool is_populated(const CgroupLayout& layout, const std::string& path) {
    const std::optional<Cgroup> cgroup = Cgroup::open(layout, path);
    return cgroup && cgroup->populated();
}

// nullopt: it is there, with processes in it. One that has become empty is about to be forgotten by systemd.
std::optional<SystemdScope> make_unless_populated(const CgroupLayout& layout, const std::string& project,
                                                  const systemd::Bus& bus) {
    const systemd::ScopeName name{kSlice, unit_of(project)};
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    for (;;) {
        try {
            return SystemdScope::start(name, fmt::format("stack project {}", project), {}, bus);
        } catch (Error& error) {
            if (error.kind() != ErrorKind::already_exists) throw;
            if (is_populated(layout, fmt::format("/{}/{}", kSlice, name.unit))) return std::nullopt;
            if (std::chrono::steady_clock::now() > limit) throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
}

}  // namespace

std::optional<ProjectScope> ProjectScope::enter(const std::string& project, const systemd::Bus& bus) try {
    if (::geteuid() != 0 || !path_exists("/run/systemd/system")) return std::nullopt;
    const CgroupLayout layout = detect_cgroups();
    if (layout.mode != CgroupLayout::Mode::v2) return std::nullopt;
    std::optional<SystemdScope> made = make_unless_populated(layout, project, bus);
    const std::string path = made ? made->cgroup_path() : fmt::format("/{}/{}", kSlice, unit_of(project));
    const std::string group = fmt::format("{}{}{}", layout.unified_mount, path, kOwnGroup);
    make_directories(group, 0755);
    UniqueFd processes{::open((group + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC)};
    if (!processes.valid()) throw_errno(fmt::format("open {}/cgroup.procs", group));
    return ProjectScope{std::move(made), std::move(processes)};
} catch (Error& error) {
    if (error.kind() == ErrorKind::not_supported) return std::nullopt;  // no bus to ask systemd by
    error.with_hint(fmt::format("systemctl status {}", unit_of(project)));
    throw;
}

std::string project_cgroup(std::string_view own, std::string_view project) {
    const std::string in_scope = fmt::format("/{}{}", unit_of(project), kOwnGroup);
    if (!own.ends_with(in_scope)) return fmt::format("/stack/{}", project);
    return std::string{own.substr(0, own.size() - kOwnGroup.size())};
}

std::string own_project_cgroup(std::string_view project) {
    const std::string groups = read_file_if_exists("/proc/self/cgroup").value_or("");
    return project_cgroup(parse_cgroup_layout("", groups, "").own_paths[""], project);
}

}  // namespace stack::engine
