// Which cgroup hierarchies a host has, read from mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup
// (cgroups(7)).
#include "runtime/cgroup_layout.hpp"

#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

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
    for (std::size_t at = 0; (at = mountinfo.find(" - cgroup", at)) != mountinfo.npos; ++at) {
        const std::size_t begin = mountinfo.rfind('\n', at) + 1, end = mountinfo.find('\n', at);
        const std::vector<std::string> left = split(mountinfo.substr(begin, at - begin), ' ');
        const std::vector<std::string> right = split(mountinfo.substr(at + 3, end - at - 3), ' ');
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
    return detect_cgroups(read_file("/proc/self/mountinfo"));
}

CgroupLayout detect_cgroups(std::string_view mountinfo) {
    const std::string unified = find_unified_mount(mountinfo);
    const std::string controllers =
        unified.empty() ? std::string{} : read_file_if_exists(unified + "/cgroup.controllers").value_or("");
    return parse_cgroup_layout(mountinfo, "", controllers);
}

}  // namespace stack
