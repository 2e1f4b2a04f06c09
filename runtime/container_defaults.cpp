#include "runtime/container_defaults.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities.hpp"

#include <fmt/format.h>

namespace stack {

std::vector<std::string> default_capabilities() {
    return {"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_FSETID",           "CAP_KILL",
            "CAP_SETGID", "CAP_SETUID",       "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
            "CAP_MKNOD",  "CAP_AUDIT_WRITE",  "CAP_SETFCAP"};
}

std::vector<std::string> default_masked_paths() {
    return {"/proc/acpi",
            "/proc/asound",
            "/proc/interrupts",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/sched_debug",
            "/proc/scsi",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/sys/firmware",
            "/sys/devices/virtual/powercap",
            "/sys/devices/system/cpu/cpu*/thermal_throttle"};
}

std::vector<std::string> default_readonly_paths() {
    return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

std::vector<NamespaceSpec> default_namespaces() {
    return {{NamespaceKind::mount, {}}, {NamespaceKind::pid, {}}, {NamespaceKind::network, {}},
            {NamespaceKind::ipc, {}},   {NamespaceKind::uts, {}}, {NamespaceKind::cgroup, {}}};
}

std::vector<MountSpec> default_mounts() {
    const auto mount = [](const char* destination, const char* type, const char* source,
                          std::vector<std::string> options) {
        MountSpec spec;
        spec.destination = destination;
        spec.type = type;
        spec.source = source;
        spec.options = std::move(options);
        return spec;
    };
    return {
        mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
        mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
        mount("/dev/pts", "devpts", "devpts",
              {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
        mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
        mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
        mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}),
    };
}

namespace {

constexpr int kLastNumber = 63;

void refuse_unavailable(std::uint64_t wanted) {
    for (std::size_t i = 0; i < capability_names().size(); ++i)
        if (wanted >> i & 1)
            throw Error{ErrorKind::permission,
                        fmt::format("capability {} can't be given: this process does not have it itself",
                                    capability_names()[i].substr(4))}
                .with_hint("its bounding set is limited, or the kernel lacks it; see `capsh --print`");
}

}  // namespace

std::vector<std::string> resolve_capabilities(const std::vector<std::string>& base,
                                              const std::vector<std::string>& add,
                                              const std::vector<std::string>& drop, std::uint64_t available) {
    bool add_all = false, drop_all = false;
    const auto mask_of = [&](const std::vector<std::string>& names, bool& has_all) {
        std::vector<std::string> plain;
        for (const std::string& name : names) {
            if (to_lower(name) == "all" || to_lower(name) == "cap_all")
                has_all = true;
            else
                plain.push_back(name);
        }
        return capability_mask(plain, kLastNumber);
    };
    const std::uint64_t added = mask_of(add, add_all), dropped = mask_of(drop, drop_all);
    refuse_unavailable(added & ~dropped & ~available);
    std::uint64_t result = capability_mask(base, kLastNumber) & available;
    if (add_all)
        result = available & ~dropped;
    else if (drop_all)
        result = added;
    else
        result = (result & ~dropped) | added;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < capability_names().size(); ++i)
        if (result >> i & 1) names.push_back(capability_names()[i]);
    return names;
}

CapabilitySets capability_sets(const std::vector<std::string>& names) {
    CapabilitySets sets;
    sets.bounding = sets.effective = sets.permitted = names;
    return sets;
}

}  // namespace stack
