// Which cgroup hierarchies a host has, read from mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup
// (cgroups(7)); and the plan made from it: each controller is used where it lives.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack {

namespace {

// mountinfo writes space, tab, newline and backslash as three octal digits.
std::string unescape_mount_path(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octal = [&](std::size_t at) {
            return at < text.size() && text[at] >= '0' && text[at] <= '7';
        };
        if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
            result +=
                static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            result += text[i];
        }
    }
    return result;
}

struct MountLine {
    std::string mount_point;
    std::string type;
    std::vector<std::string> super_options;
};

std::vector<MountLine> parse_cgroup_mounts(std::string_view mountinfo) {
    std::vector<MountLine> result;
    for (const std::string& line : split(mountinfo, '\n')) {
        const std::size_t dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        const std::vector<std::string> left = split(std::string_view{line}.substr(0, dash), ' ');
        const std::vector<std::string> right = split(std::string_view{line}.substr(dash + 3), ' ');
        if (left.size() < 6 || right.size() < 3) continue;
        if (right[0] != "cgroup" && right[0] != "cgroup2") continue;
        result.push_back({unescape_mount_path(left[4]), right[0], split(right[2], ',')});
    }
    return result;
}

// A v1 mount's super options are its controllers among ordinary words; these are all controllers there ever
// were.
bool is_controller(std::string_view word) {
    static constexpr std::string_view kNames[] = {"blkio",   "cpu",      "cpuacct",    "cpuset", "debug",
                                                  "devices", "freezer",  "hugetlb",    "memory", "misc",
                                                  "net_cls", "net_prio", "perf_event", "pids",   "rdma"};
    return std::find(std::begin(kNames), std::end(kNames), word) != std::end(kNames);
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

CgroupLayout parse_cgroup_layout(std::string_view mountinfo, std::string_view own_cgroup,
                                 std::string_view unified_controllers) {
    CgroupLayout layout;
    for (const MountLine& mount : parse_cgroup_mounts(mountinfo)) {
        if (mount.type == "cgroup2") {
            if (layout.unified_mount.empty()) layout.unified_mount = mount.mount_point;
            continue;
        }
        for (const std::string& word : mount.super_options)
            if (is_controller(word)) layout.v1_mounts.emplace(word, mount.mount_point);
    }
    for (const std::string& word : split(trim(unified_controllers), ' '))
        if (!word.empty()) layout.unified_controllers.push_back(word);
    std::sort(layout.unified_controllers.begin(), layout.unified_controllers.end());
    for (const std::string& line : split(own_cgroup, '\n')) {  // hierarchy-ID:controller-list:path
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        for (const std::string& controller :
             split(std::string_view{line}.substr(first + 1, second - first - 1), ','))
            layout.own_paths.emplace(controller, line.substr(second + 1));
    }
    const bool v1 = !layout.v1_mounts.empty();
    layout.mode = layout.has_unified() ? (v1 ? CgroupLayout::Mode::hybrid : CgroupLayout::Mode::v2)
                                       : (v1 ? CgroupLayout::Mode::v1 : CgroupLayout::Mode::none);
    return layout;
}

std::string find_unified_mount(std::string_view mountinfo) {
    for (const MountLine& mount : parse_cgroup_mounts(mountinfo))
        if (mount.type == "cgroup2") return mount.mount_point;
    return {};
}

CgroupLayout detect_cgroups() {
    const std::string mountinfo = read_file("/proc/self/mountinfo");
    const std::string unified = find_unified_mount(mountinfo);
    const std::string controllers =
        unified.empty() ? std::string{} : read_file_if_exists(unified + "/cgroup.controllers").value_or("");
    return parse_cgroup_layout(mountinfo, read_file("/proc/self/cgroup"), controllers);
}

std::string CgroupWrite::text() const {
    return fmt::format("{} = {}", file, value);
}

CgroupPlan plan_cgroup(const CgroupLayout& layout, const ResourceSpec& resources, bool bpf_devices) {
    if (layout.mode == CgroupLayout::Mode::none)
        throw Error{ErrorKind::not_supported, "no cgroup file system is mounted"}.with_hint(
            "mount -t cgroup2 none /sys/fs/cgroup");
    CgroupPlan plan;
    std::set<std::string> v1, v2;
    const auto home = [&](const std::string& controller) -> std::set<std::string>* {
        if (layout.v1_mounts.contains(controller)) return &v1;
        if (layout.has_unified() && contains(layout.unified_controllers, controller)) return &v2;
        return nullptr;
    };
    // Without a limit too: memory counts for `usage` and `oom_kills`, and keeps the container's pages off the
    // bill of whoever started it.
    if (auto* where = home("memory")) where->insert("memory");
    if (layout.has_unified()) {
        // The v2 directory itself gives entry by clone3, freeze, kill, cpu time and who is inside.
        if (contains(layout.unified_controllers, "pids") && !layout.v1_mounts.contains("pids"))
            v2.insert("pids");
    } else {
        if (layout.v1_mounts.contains("freezer")) v1.insert("freezer");  // kill without a race; who is inside
        if (layout.v1_mounts.contains("cpuacct")) v1.insert("cpuacct");  // cpu time
    }
    const auto take = [&](const std::vector<CgroupWrite>& from, std::set<std::string>& here,
                          std::vector<CgroupWrite>& into) {
        for (const CgroupWrite& write : from) {
            std::set<std::string>* where = home(write.controller);
            if (where == nullptr)
                throw Error{ErrorKind::not_supported,
                            fmt::format("limit {} can't be enforced: this host has no cgroup controller '{}'",
                                        write.limit, write.controller)};
            if (where != &here) continue;
            here.insert(write.controller);
            into.push_back(write);
        }
    };
    take(v1_writes(resources), v1, plan.v1_writes);
    take(v2_writes(resources), v2, plan.v2_writes);
    for (const auto& [file, value] : resources.unified) {
        const std::string controller = file.substr(0, file.find('.'));
        if (home(controller) != &v2)
            throw Error{
                ErrorKind::not_supported,
                fmt::format(
                    "limit unified.{} can't be enforced: controller '{}' is not on this host's cgroup v2",
                    file, controller)};
    }
    plan.device_program = layout.has_unified() && bpf_devices;
    if (!plan.device_program && layout.v1_mounts.contains("devices")) {
        v1.insert("devices");
        for (CgroupWrite& write : v1_device_writes(effective_device_rules(resources)))
            plan.v1_writes.push_back(std::move(write));
    }
    plan.v1_controllers.assign(v1.begin(), v1.end());
    plan.v2_controllers.assign(v2.begin(), v2.end());
    return plan;
}

}  // namespace stack
