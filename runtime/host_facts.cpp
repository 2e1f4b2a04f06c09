#include "runtime/host_facts.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

namespace stack {

namespace {

std::string read_or_empty(const std::string& path) {
    try {
        return read_file_if_exists(path).value_or("");
    } catch (const Error&) {
        return {};
    }
}

bool has_effective(int capability) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    return ::syscall(SYS_capget, &header, data) == 0 &&
           (data[capability / 32].effective >> capability % 32 & 1) != 0;
}

// A key without its value: the kernel either lacks the key or misses the value, and says which in the context's own log. (Asking
// with a layer that isn't there would have it written to the console.)
bool has_layer_append() {
    const UniqueFd fs{sys::fsopen("overlay")};
    if (!fs.valid()) return false;
    if (sys::fsconfig(fs.get(), FSCONFIG_SET_FLAG, "lowerdir+", nullptr) == 0) return false;
    char words[256];
    const ssize_t size = ::read(fs.get(), words, sizeof words);
    return size > 0 && std::string_view{words, static_cast<std::size_t>(size)}.find("Unknown parameter") ==
                           std::string_view::npos;
}

// PROC_USER_INIT_INO of linux/proc_ns.h; systemd relies on the number too.
bool in_initial_user_namespace() {
    constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;
    struct stat info {};
    return ::stat("/proc/self/ns/user", &info) == 0 && info.st_ino == kInitialUserNamespace;
}

struct CgroupMounts {
    bool unified_at_root = false;
    bool any = false, unified = false;
    std::vector<std::pair<std::string, std::string>> hierarchies;
};

CgroupMounts find_cgroup_mounts(const std::string& mountinfo) {
    constexpr std::string_view kRoot = "/sys/fs/cgroup";
    CgroupMounts result;
    for (const std::string& line : split(mountinfo, '\n')) {
        if (line.find(" - cgroup") == std::string::npos) continue;
        // 31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        const std::vector<std::string> words = split(line, ' ');
        const auto dash = std::find(words.begin(), words.end(), "-");
        if (words.size() < 7 || dash == words.end() || dash + 1 == words.end()) continue;
        const std::string& type = *(dash + 1);
        const std::string& point = words[4];
        if ((type != "cgroup" && type != "cgroup2") || !point.starts_with(kRoot)) continue;
        result.any = true;
        result.unified |= type == "cgroup2";
        if (point == kRoot)
            result.unified_at_root = type == "cgroup2";
        else
            result.hierarchies.emplace_back(point.substr(kRoot.size() + 1), point);
    }
    return result;
}

std::vector<std::string> find_thermal_throttle() {
    const std::string root = "/sys/devices/system/cpu";
    std::vector<std::string> found;
    if (!path_exists(root + "/cpu0/thermal_throttle"))
        return found;  // no processor has what the first has not
    for (const std::string& name : list_directory(root)) {
        if (!name.starts_with("cpu") || name.size() < 4 || name[3] < '0' || name[3] > '9') continue;
        const std::string path = root + "/" + name + "/thermal_throttle";
        if (path_exists(path)) found.push_back(path);
    }
    return found;
}

}  // namespace

HostFacts probe_host_facts(const HostProbes& wanted) {
    HostFacts facts;
    utsname names{};
    if (::uname(&names) == 0) facts.kernel_release = names.release;
    facts.bounding_capabilities = 0;
    for (int capability = 0; capability <= 62; ++capability) {
        const int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (held < 0) break;  // the kernel knows no more
        facts.last_capability = capability;
        if (held == 1) facts.bounding_capabilities |= std::uint64_t{1} << capability;
    }
    facts.privileged = has_effective(CAP_SYS_ADMIN);
    facts.overlay_layer_append = wanted.overlay && has_layer_append();
    facts.cgroup_namespaces = path_exists("/proc/self/ns/cgroup");
    facts.time_namespaces = path_exists("/proc/self/ns/time");
    facts.in_user_namespace = !in_initial_user_namespace();
    try {
        facts.thermal_throttle_directories = find_thermal_throttle();
    } catch (const Error&) {  // no sysfs here: nothing to mask
    }
    CgroupMounts mounts =
        find_cgroup_mounts(wanted.mountinfo ? *wanted.mountinfo : read_or_empty("/proc/self/mountinfo"));
    facts.cgroup_mode = !mounts.any              ? CgroupMode::none
                        : mounts.unified_at_root ? CgroupMode::unified
                        : mounts.unified         ? CgroupMode::hybrid
                                                 : CgroupMode::legacy;
    if (facts.cgroup_mode != CgroupMode::unified) facts.cgroup_hierarchies = std::move(mounts.hierarchies);
    std::sort(facts.cgroup_hierarchies.begin(), facts.cgroup_hierarchies.end());
    return facts;
}

}  // namespace stack
