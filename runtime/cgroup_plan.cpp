// From limits to the writes of one host: each controller is used where it lives. Pure.
#include "runtime/cgroup_plan.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack {

namespace {

/// The controller of block I/O has a name of its own on each version.
std::string_view v1_name(std::string_view controller) {
    return controller == "io" ? "blkio" : controller;
}
std::string_view v2_name(std::string_view controller) {
    return controller == "blkio" ? "io" : controller;
}

enum class Home { none, v1, v2 };

Home home_of(const CgroupLayout& layout, std::string_view controller) {
    if (layout.v1_mounts.contains(std::string{v1_name(controller)})) return Home::v1;
    const std::vector<std::string>& on_v2 = layout.unified_controllers;
    const bool there = std::find(on_v2.begin(), on_v2.end(), v2_name(controller)) != on_v2.end();
    return layout.has_unified() && there ? Home::v2 : Home::none;
}

Error not_enforced(const CgroupWrite& write, const std::string& why) {
    return Error{ErrorKind::not_supported, fmt::format("limit {} can't be enforced: {}", write.limit, why)};
}

/// Those of `from`, the writes for version `here`, whose controllers live there.
void take_writes(const CgroupLayout& layout, const std::vector<CgroupWrite>& from, Home here,
                 std::set<std::string>& controllers, std::vector<CgroupWrite>& into) {
    for (const CgroupWrite& write : from) {
        const Home home = home_of(layout, write.controller);
        if (home == Home::none)
            throw not_enforced(write,
                               fmt::format("this host has no cgroup controller '{}'", write.controller));
        if (home != here) continue;
        if (write.file.empty())
            throw not_enforced(write,
                               fmt::format("cgroup {} has no such setting", here == Home::v1 ? "v1" : "v2"));
        controllers.insert(write.controller);
        into.push_back(write);
    }
}

/// Used without a limit too.
void add_unlimited(const CgroupLayout& layout, std::set<std::string>& v1, std::set<std::string>& v2) {
    // Memory counts for statistics and `oom_kills`, and keeps the container's pages off the bill of whoever
    // started it.
    if (const Home home = home_of(layout, "memory"); home != Home::none)
        (home == Home::v1 ? v1 : v2).insert("memory");
    if (layout.has_unified()) {
        // The v2 directory itself gives entry by clone3, freeze, kill, cpu time and who is inside.
        if (home_of(layout, "pids") == Home::v2) v2.insert("pids");
        return;
    }
    for (const char* controller : {"freezer", "cpuacct"})  // kill without a race, who is inside; cpu time
        if (layout.v1_mounts.contains(controller)) v1.insert(controller);
}

}  // namespace

std::string CgroupWrite::text() const {
    return fmt::format("{} = {}", file, value);
}

CgroupPlan plan_cgroup(const CgroupLayout& layout, const ResourceSpec& resources, bool bpf_devices,
                       CgroupControllers controllers) {
    if (layout.mode == CgroupLayout::Mode::none)
        throw Error{ErrorKind::not_supported, "no cgroup file system is mounted"}.with_hint(
            "mount -t cgroup2 none /sys/fs/cgroup");
    CgroupPlan plan;
    std::set<std::string> v1, v2;
    add_unlimited(layout, v1, v2);
    if (controllers == CgroupControllers::counting)
        for (const char* name : {"blkio", "cpuacct", "freezer", "hugetlb", "memory", "pids", "rdma"})
            if (layout.v1_mounts.contains(name)) v1.insert(name);
    const std::vector<CgroupWrite> for_v2 = v2_writes(resources);
    for (const CgroupWrite& write : for_v2)
        if (write.limit.starts_with("unified.") && home_of(layout, write.controller) != Home::v2)
            throw not_enforced(
                write, fmt::format("controller '{}' is not on this host's cgroup v2", write.controller));
    take_writes(layout, v1_writes(resources), Home::v1, v1, plan.v1_writes);
    take_writes(layout, for_v2, Home::v2, v2, plan.v2_writes);
    plan.device_program = layout.has_unified() && bpf_devices;
    if (!plan.device_program && layout.v1_mounts.contains("devices")) v1.insert("devices");
    plan.v1_controllers.assign(v1.begin(), v1.end());
    plan.v2_controllers.assign(v2.begin(), v2.end());
    return plan;
}

std::string value_before(const CgroupWrite& write, std::string_view old_content) {
    const std::vector<std::string> lines = split(trim(old_content), '\n');
    if (!write.device.empty()) {
        for (const std::string& line : lines)
            if (line.starts_with(write.device + ' ')) return line;
        return write.reset_value;
    }
    constexpr std::string_view kOomControl = "oom_kill_disable ";  // of v1: read with a key, written without
    if (lines[0].starts_with(kOomControl)) return lines[0].substr(kOomControl.size());
    return lines[0].empty() ? "\n" : lines[0];  // a write of nothing is no write
}

}  // namespace stack
