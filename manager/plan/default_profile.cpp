#include "manager/plan/default_profile.hpp"

namespace stack::plan {

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
        mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}),
        mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
        mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}),
    };
}

std::vector<DeviceRule> default_device_rules() {
    const auto use = [](std::int64_t major, std::optional<std::int64_t> minor) {
        return DeviceRule{.allow = true, .type = 'c', .major = major, .minor = minor, .access = "rwm"};
    };
    return {
        DeviceRule{.allow = false, .type = 'a', .major = {}, .minor = {}, .access = "rwm"},
        // Making a node is harmless while using it is not allowed; package managers in images do it.
        DeviceRule{.allow = true, .type = 'c', .major = {}, .minor = {}, .access = "m"},
        DeviceRule{.allow = true, .type = 'b', .major = {}, .minor = {}, .access = "m"}, use(1, 3),  // null
        use(1, 5),                                                                                   // zero
        use(1, 7),                                                                                   // full
        use(1, 8),                                                                                   // random
        use(1, 9),     // urandom
        use(5, 0),     // tty
        use(5, 1),     // console
        use(5, 2),     // ptmx
        use(136, {}),  // pts/N
    };
}

}  // namespace stack::plan
