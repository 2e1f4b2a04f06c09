// Who is in a cgroup, and what is done to all of them at once: stop, continue, kill.
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/cgroup_files.hpp"
#include "runtime/cgroup_tree.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace stack {

using cgroup_files::keyed_number;
using cgroup_files::read_at;
using cgroup_files::write_at;

namespace {

/// The container may have frozen groups of its own, where v1 keeps SIGKILL waiting.
void thaw_below(int dir) {
    if (dir < 0) return;
    cgroup_files::walk_groups(
        dir, [](int below) { write_at(below, "freezer.state", "THAWED"); },
        [](int, const std::string&) { return 0; });
}

bool says_populated(int v2_dir) {
    return keyed_number(read_at(v2_dir, "cgroup.events"), "populated").value_or(0) != 0;
}

}  // namespace

void Cgroup::add_process(pid_t pid) const {
    const std::string text = fmt::format("{}", pid);
    if (unified_.valid())
        if (const int err = write_at(unified_.get(), "cgroup.procs", text); err != 0)
            throw Error::from_errno(err, fmt::format("move process {} to cgroup '{}'", pid, path_));
    for (const Hierarchy& hierarchy : v1_)
        if (const int err = write_at(hierarchy.dir(), "cgroup.procs", text); err != 0)
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
        throw Error::from_errno(err, fmt::format("{} cgroup '{}'", frozen ? "freeze" : "thaw", path_));
    const auto reached = [&] { return this->frozen() == frozen; };
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    for (int pause_ms = 0; !reached(); pause_ms = std::min(pause_ms + 1, 10)) {
        if (std::chrono::steady_clock::now() > end) {
            if (frozen) order(false);
            throw Error{ErrorKind::timeout, fmt::format("cgroup '{}' does not {} within 10 s", path_,
                                                        frozen ? "freeze" : "thaw")};
        }
        ::poll(nullptr, 0, pause_ms);
    }
}

bool Cgroup::frozen() const {
    if (unified_.valid())
        return keyed_number(read_at(unified_.get(), "cgroup.events"), "frozen").value_or(0) != 0;
    const int dir = controller_dir("freezer");
    return dir >= 0 && trim(read_at(dir, "freezer.state").value_or("")) == "FROZEN";
}

void Cgroup::kill_all() const {
    if (unified_.valid()) {
        const int err = write_at(unified_.get(), "cgroup.kill", "1");
        if (err == 0 || err == ENODEV) return;
        if (err != ENOENT) throw Error::from_errno(err, fmt::format("kill cgroup '{}'", path_));
    }
    kill_one_by_one();
}

void Cgroup::kill_one_by_one() const {
    // Stopped, none can fork while they are counted; v1 delivers SIGKILL on thaw. Once more for those that were moved
    // in meanwhile, and for all where freezing fails (a process in uninterruptible sleep).
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    for (int pause_ms = 0; std::chrono::steady_clock::now() < end; pause_ms = std::min(pause_ms + 1, 10)) {
        try {
            freeze(true);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::timeout && error.kind() != ErrorKind::not_supported) throw;
        }
        const std::vector<pid_t> pids = processes();
        for (const pid_t pid : pids)
            if (const std::optional<ProcessHandle> process = ProcessHandle::open(pid))
                process->signal(SIGKILL);
        if (!unified_.valid()) thaw_below(controller_dir("freezer"));
        freeze(false);
        if (pids.empty()) return;
        ::poll(nullptr, 0, pause_ms);
    }
}

bool Cgroup::populated() const {
    return unified_.valid() ? says_populated(unified_.get()) : !processes().empty();
}

bool cgroup_populated(const CgroupLayout& layout, const std::string& path) {
    cgroup_tree::components(path);
    if (layout.has_unified())
        if (const UniqueFd dir = cgroup_tree::open(layout.unified_mount, path); dir.valid())
            return says_populated(dir.get());
    const auto freezer = layout.v1_mounts.find("freezer");
    if (freezer == layout.v1_mounts.end()) return false;
    const UniqueFd dir = cgroup_tree::open(freezer->second, path);
    return dir.valid() && !cgroup_tree::processes(dir.get()).empty();
}

std::vector<pid_t> Cgroup::processes() const {
    return cgroup_tree::processes(tree_dir());
}

}  // namespace stack
