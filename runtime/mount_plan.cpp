#include "runtime/mount_plan.hpp"

#include "runtime/base/text.hpp"
#include "runtime/id_map_plan.hpp"
#include "runtime/mount_requests.hpp"
#include "runtime/root_plan.hpp"
#include "runtime/sysctl.hpp"

#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr std::uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

struct Device {
    std::string_view name;
    std::uint32_t major, minor;
};
constexpr std::array kDevices{Device{"null", 1, 3},   Device{"zero", 1, 5},    Device{"full", 1, 7},
                              Device{"random", 1, 8}, Device{"urandom", 1, 9}, Device{"tty", 5, 0}};

struct DevLink {
    std::string_view name, target;
};
constexpr std::array kDevLinks{DevLink{"fd", "/proc/self/fd"}, DevLink{"stdin", "/proc/self/fd/0"},
                               DevLink{"stdout", "/proc/self/fd/1"}, DevLink{"stderr", "/proc/self/fd/2"},
                               DevLink{"ptmx", "pts/ptmx"}};

// What every /dev has, whatever a list of devices says of it; engines list the host's /dev/ptmx for a privileged container.
bool is_in_every_dev(std::string_view name) {
    const auto same = [&](const auto& known) { return known.name == name; };
    return std::any_of(kDevices.begin(), kDevices.end(), same) ||
           std::any_of(kDevLinks.begin(), kDevLinks.end(), same);
}

class MountPlanner {
  public:
    MountPlanner(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                 const LaunchShape& shape)
        : b_{builder}, spec_{spec}, facts_{facts}, shape_{shape}, wanted_{read_mounts(spec.mounts)} {
        bind_devices_ = facts.in_user_namespace || has(NamespaceKind::user);
    }

    MountedTree plan(const std::function<void()>& enter) {
        open_sources();
        if (enter) {
            root_plan_.open();
            enter();
        }
        make_proc_and_sys();
        root_plan_.make();
        tree_.root = root_ = root_plan_.root();
        attach_proc();
        make_dev();
        make_sys();
        for (std::size_t i = 0; i < wanted_.others.size(); ++i) attach_wanted(wanted_.others[i], trees_[i]);
        hide_paths();
        root_plan_.finish();
        return tree_;
    }

  private:
    [[nodiscard]] bool has_new(NamespaceKind kind) const {
        return std::any_of(spec_.namespaces.begin(), spec_.namespaces.end(), [&](const NamespaceSpec& entry) {
            return entry.kind == kind && entry.path.empty();
        });
    }
    [[nodiscard]] bool has(NamespaceKind kind) const {
        return std::any_of(spec_.namespaces.begin(), spec_.namespaces.end(),
                           [&](const NamespaceSpec& entry) { return entry.kind == kind; });
    }

    // --- while the host's tree is there -------------------------------------------------------------------------

    void mount_purpose(const MountRequest& mount) {
        const std::string what = mount.options.bind ? fmt::format("volume \"{}\"", mount.spec->source)
                                                    : fmt::format("a {}", mount.spec->type);
        b_.purpose(fmt::format("mounting {} on {}", what, mount.destination),
                   parse_origin(mount.spec->origin),
                   mount.options.bind ? "create the directory, or use a named volume" : "");
    }

    void open_sources() {
        for (const MountRequest& mount : wanted_.others) {
            trees_.emplace_back();
            if (!mount.options.bind) continue;
            mount_purpose(mount);
            trees_.back() = b_.new_slot(fmt::format("mount{}", trees_.size() - 1));
            b_.add(
                step::CloneHostTree{mount.spec->source, mount.options.recursive_bind, false, trees_.back()});
            map_ids(mount, trees_.back());
        }
        if (bind_devices_ && !wanted_.take("/dev")) {
            b_.purpose("opening the devices of /dev");
            for (const Device& device : kDevices) {
                device_trees_.push_back(b_.new_slot(fmt::format("dev-{}", device.name)));
                b_.add(step::CloneHostTree{fmt::format("/dev/{}", device.name), false, false,
                                           device_trees_.back()});
            }
        }
        open_devices();
        // A sysfs can be mounted only by who owns the network namespace.
        if (has(NamespaceKind::user) && (!has_new(NamespaceKind::network) || shape_.network) &&
            !wanted_.take("/sys")) {
            builtin_purpose("/sys");
            sysfs_ = b_.new_slot("sys");
            b_.add(step::CloneHostTree{"/sys", true, false, sysfs_});
        }
        open_cgroup_view();
    }

    void open_devices() {
        if (!bind_devices_) return;
        for (const DeviceSpec& device : spec_.devices) {
            spec_device_trees_.emplace_back();
            if (device.path.starts_with("/dev/") && is_in_every_dev(device.path.substr(5))) continue;
            spec_device_trees_.back() = b_.new_slot(fmt::format("device{}", spec_device_trees_.size() - 1));
            b_.purpose(fmt::format("opening device {}", device.path));
            b_.add(step::CloneHostTree{device.path, false, false, spec_device_trees_.back()});
        }
    }

    void map_ids(const MountRequest& mount, Slot tree) {
        const bool asked = mount.options.id_mapped || !mount.spec->uid_mappings.empty();
        if (!asked) return;
        b_.add(step::IdMapMount{tree, id_map_slot(b_, spec_, id_maps_of(spec_, *mount.spec)),
                                mount.options.recursively_id_mapped});
    }

    void open_cgroup_view() {
        if (wanted_.take("/sys") || wanted_.take("/sys/fs/cgroup") || facts_.cgroup_mode == CgroupMode::none)
            return;
        b_.purpose("opening the control groups of /sys/fs/cgroup");
        if (facts_.cgroup_mode == CgroupMode::unified) {
            if (has(NamespaceKind::cgroup)) return;  // a cgroup2 mount shows the namespace's own part
            cgroup_trees_.emplace_back("", b_.new_slot("cgroup"));
            b_.add(step::CloneHostTree{"/sys/fs/cgroup", true, false, cgroup_trees_.back().second});
            return;
        }
        if (!spec_.cgroups_path.starts_with('/') || spec_.cgroups_path == "/") return;
        for (const auto& [name, mount_point] : facts_.cgroup_hierarchies) {
            cgroup_trees_.emplace_back(name, b_.new_slot("cgroup-" + name));
            b_.add(step::CloneHostTree{mount_point + spec_.cgroups_path, false, true,
                                       cgroup_trees_.back().second});
        }
    }

    // --- /proc and /sys, made before the root is entered: a user namespace may mount them only where it sees one ------

    void make_proc_and_sys() {
        b_.purpose("making the container's mounts private");
        b_.add(step::SetMountAttributes{{}, 0, 0, root_plan_.host_propagation(), true});
        builtin_purpose("/proc", wanted_.proc);
        tree_.proc = make("proc", "proc", wanted_.proc, kQuiet);
        for (const auto& [key, value] : spec_.sysctl) {
            b_.purpose(fmt::format("setting sysctl {} to \"{}\"", key, value));
            b_.add(step::WriteSysctl{
                tree_.proc,
                checked_sysctl_path(key, value, has(NamespaceKind::network) || shape_.network,
                                    has(NamespaceKind::ipc), has(NamespaceKind::uts)),
                value});
        }
        if (spec_.process.oom_score_adj) {
            b_.purpose(fmt::format("setting the OOM score adjustment to {}", *spec_.process.oom_score_adj),
                       std::nullopt, "values below the current one need CAP_SYS_RESOURCE");
            b_.add(step::SetOomScore{tree_.proc, std::to_string(*spec_.process.oom_score_adj)});
        }
        if (wanted_.take("/sys")) return;
        builtin_purpose("/sys", wanted_.sys);
        if (sysfs_.valid()) {
            b_.add(step::SetMountAttributes{sysfs_, kQuiet | MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, true});
            return;
        }
        sysfs_ = make("sys", "sysfs", wanted_.sys, kQuiet | MOUNT_ATTR_RDONLY);
    }

    // --- what every container has ---------------------------------------------------------------------------------

    void attach(Slot mount, Slot base, std::string path, step::OpenMountPoint::Kind kind, bool no_links,
                bool keep) {
        const Slot target = b_.new_slot("at-" + path);
        b_.add(step::OpenMountPoint{base, std::move(path), kind, mount, no_links, false, target});
        b_.add(step::AttachMount{mount, target, keep});
    }

    void attach_proc() {
        builtin_purpose("/proc");
        attach_directory(tree_.proc, root_, "proc", true);
    }

    void builtin_purpose(const char* name, const MountRequest& entry = {}) {
        b_.purpose(fmt::format("mounting {}", name),
                   entry.spec ? parse_origin(entry.spec->origin) : std::nullopt,
                   fmt::format("the image's {} must be a directory or missing, not a link", name));
    }

    // With these defaults unless the spec's entry has options of its own.
    Slot make(const char* slot, const char* type, const MountRequest& entry, std::uint64_t attributes,
              std::vector<step::FilesystemOption> options = {}) {
        const Slot mount = b_.new_slot(slot);
        for (const step::FilesystemOption& option : entry.options.data) {
            std::erase_if(options,
                          [&](const step::FilesystemOption& other) { return other.key == option.key; });
            options.push_back(option);
        }
        b_.add(step::MakeFilesystem{type, type, std::move(options),
                                    (attributes & ~entry.options.clear) | entry.options.set, mount});
        return mount;
    }

    // At a place that must be a directory or missing, never a link.
    void attach_directory(Slot mount, Slot base, const char* path, bool keep) {
        attach(mount, base, path, step::OpenMountPoint::Kind::directory, true, keep);
    }

    Slot mount_builtin(const char* name, Slot base, const char* path, const char* type,
                       const MountRequest& entry, std::uint64_t attributes,
                       std::vector<step::FilesystemOption> defaults, bool keep) {
        builtin_purpose(name, entry);
        const Slot mount = make(path, type, entry, attributes, std::move(defaults));
        attach_directory(mount, base, path, keep);
        return mount;
    }

    void make_dev() {
        if (wanted_.take("/dev")) {  // the host's or a volume: used as it is
            dev_is_foreign_ = true;
            return;
        }
        tree_.dev = mount_builtin("/dev", root_, "dev", "tmpfs", wanted_.dev,
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
                                  {{"mode", "755"}, {"size", "65536k"}}, true);
        b_.purpose("filling /dev");
        for (std::size_t i = 0; i < kDevices.size(); ++i) add_default_device(i);
        for (const DevLink& link : kDevLinks)
            b_.add(step::MakeSymlink{tree_.dev, std::string{link.name}, std::string{link.target}});
        if (!wanted_.take("/dev/pts"))
            tree_.pts = mount_builtin("/dev/pts", tree_.dev, "pts", "devpts", wanted_.pts,
                                      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, pts_options(), true);
        if (!wanted_.take("/dev/shm"))
            mount_builtin("/dev/shm", tree_.dev, "shm", "tmpfs", wanted_.shm, kQuiet,
                          {{"mode", "1777"}, {"size", "65536k"}}, false);
        if (!wanted_.take("/dev/mqueue"))
            mount_builtin("/dev/mqueue", tree_.dev, "mqueue", "mqueue", wanted_.mqueue, kQuiet, {}, false);
        for (const DeviceSpec& device : spec_.devices) add_device(device);
    }

    // Group tty where the container has it.
    [[nodiscard]] std::vector<step::FilesystemOption> pts_options() const {
        std::vector<step::FilesystemOption> options{
            {"newinstance", std::nullopt}, {"ptmxmode", "0666"}, {"mode", "0620"}};
        const bool mapped =
            !has_new(NamespaceKind::user) ||
            std::any_of(spec_.gid_mappings.begin(), spec_.gid_mappings.end(), [](const IdMapping& map) {
                return map.container_id <= 5 && 5 - map.container_id < map.size;
            });
        if (mapped) options.push_back({"gid", "5"});
        return options;
    }

    void add_default_device(std::size_t index) {
        const Device& device = kDevices[index];
        const std::string name{device.name};
        if (bind_devices_) {
            attach(device_trees_[index], tree_.dev, name, step::OpenMountPoint::Kind::file, true, false);
        } else {
            b_.add(step::MakeDevice{tree_.dev, name, S_IFCHR | 0666, device.major, device.minor, 0, 0});
        }
    }

    void add_device(const DeviceSpec& device) {
        const std::string path = clean_container_path(device.path, "device");
        const std::string name = path.substr(path.starts_with("/dev/") ? 5 : 1);
        if (path.starts_with("/dev/") && is_in_every_dev(name)) return;
        b_.purpose(fmt::format("making device {}", path));
        if (bind_devices_) {
            const Slot tree = spec_device_trees_.at(static_cast<std::size_t>(&device - spec_.devices.data()));
            attach(tree, path.starts_with("/dev/") ? tree_.dev : root_, name,
                   step::OpenMountPoint::Kind::file, true, false);
            return;
        }
        const mode_t type = device.type == 'b' ? S_IFBLK : device.type == 'p' ? S_IFIFO : S_IFCHR;
        b_.add(step::MakeDevice{path.starts_with("/dev/") ? tree_.dev : root_, name,
                                type | (device.mode & 07777), static_cast<std::uint32_t>(device.major),
                                static_cast<std::uint32_t>(device.minor), device.uid, device.gid});
    }

    void make_sys() {
        if (wanted_.take("/sys")) return;
        builtin_purpose("/sys", wanted_.sys);
        attach_directory(sysfs_, root_, "sys", false);
        if (wanted_.take("/sys/fs/cgroup") || facts_.cgroup_mode == CgroupMode::none) return;
        const char* path = "sys/fs/cgroup";
        const std::uint64_t access = wanted_.writable_cgroups ? 0 : MOUNT_ATTR_RDONLY;
        if (facts_.cgroup_mode == CgroupMode::unified && cgroup_trees_.empty()) {
            mount_builtin("/sys/fs/cgroup", root_, path, "cgroup2", MountRequest{}, kQuiet | access, {},
                          false);
            return;
        }
        if (facts_.cgroup_mode == CgroupMode::unified) {
            b_.purpose("mounting /sys/fs/cgroup");
            const Slot tree = cgroup_trees_.front().second;
            b_.add(step::SetMountAttributes{tree, kQuiet | access, 0, MS_PRIVATE, true});
            attach(tree, root_, path, step::OpenMountPoint::Kind::directory, true, false);
            return;
        }
        // v1: a view of this container's groups, read-only whatever the spec says. release_agent (CVE-2022-0492) is out of reach: it lies in the
        // root of a hierarchy, and nothing here can be written.
        const Slot base = mount_builtin("/sys/fs/cgroup", root_, path, "tmpfs", MountRequest{}, kQuiet,
                                        {{"mode", "755"}, {"size", "64k"}}, true);
        for (const auto& [name, tree] : cgroup_trees_) {
            b_.add(step::SetMountAttributes{tree, kQuiet | MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, true});
            attach(tree, base, name, step::OpenMountPoint::Kind::like_source, true, false);
            if (name.find(',') == std::string::npos) continue;
            for (const std::string& controller : split(name, ','))
                b_.add(step::MakeSymlink{base, controller, name});
        }
        b_.add(step::SetMountAttributes{base, MOUNT_ATTR_RDONLY, 0, 0, false});
    }

    // --- the spec's mounts ----------------------------------------------------------------------------------------

    void attach_wanted(const MountRequest& mount, Slot tree) {
        mount_purpose(mount);
        const MountOptions& options = mount.options;
        if (!options.bind) {
            tree = b_.new_slot(mount.destination);
            std::vector<step::FilesystemOption> data = options.data;
            const std::string& type = mount.spec->type;
            const bool cgroup = type == "cgroup" || type == "cgroup2";
            b_.add(step::MakeFilesystem{
                cgroup ? "cgroup2" : type, mount.spec->source.empty() ? type : mount.spec->source,
                std::move(data), options.set | (cgroup ? MOUNT_ATTR_RDONLY : 0u), tree});
        }
        const Slot target = b_.new_slot("at-" + mount.destination);
        const std::string path = mount.destination.substr(1);
        const bool special = path == "dev" || path == "sys";
        const bool in_proc = path.starts_with("proc/");
        b_.add(step::OpenMountPoint{root_, path, step::OpenMountPoint::Kind::like_source, tree,
                                    special || in_proc, !in_proc, target});
        if (options.copy_up) b_.add(step::CopyUp{tree, target});
        if (options.bind) add_bind_attributes(options, tree);
        b_.add(step::AttachMount{tree, target, false});
    }

    void add_bind_attributes(const MountOptions& options, Slot tree) {
        const std::uint64_t propagation =
            options.propagation == 0 ? std::uint64_t{MS_PRIVATE} : options.propagation;
        const bool all = options.propagation == 0 || options.recursive_propagation;
        b_.add(step::SetMountAttributes{tree, options.recursive_set, options.recursive_clear,
                                        all ? propagation : 0, true});
        const std::uint64_t own = all ? 0 : propagation;
        // `rw` is no order to lift what the host has made read-only.
        const std::uint64_t clear = options.clear & ~std::uint64_t{MOUNT_ATTR_RDONLY};
        if (options.set != 0 || clear != 0 || own != 0)
            b_.add(step::SetMountAttributes{tree, options.set, clear, own, false});
    }

    // --- masks ----------------------------------------------------------------------------------------------------

    [[nodiscard]] std::vector<std::string> expanded(const std::vector<std::string>& paths) const {
        constexpr std::string_view kThermal = "/sys/devices/system/cpu/cpu*/thermal_throttle";
        std::vector<std::string> result;
        for (const std::string& path : paths) {
            if (path == kThermal)
                result.insert(result.end(), facts_.thermal_throttle_directories.begin(),
                              facts_.thermal_throttle_directories.end());
            else
                result.push_back(clean_container_path(path, "masked path"));
        }
        return result;
    }
    // Below /proc from the procfs itself: no other mount can be in between.
    [[nodiscard]] std::pair<Slot, std::string> located(const std::string& path) const {
        if (path.starts_with("/proc/")) return {tree_.proc, path.substr(6)};
        return {root_, path.substr(1)};
    }

    void hide_paths() {
        if (dev_is_foreign_) {
            b_.purpose("looking into /dev");
            tree_.dev = b_.new_slot("dev");
            b_.add(step::OpenDirectory{root_, "dev", 0, tree_.dev});
        }
        const std::vector<std::string> masked = expanded(spec_.masked_paths);
        if (!masked.empty()) {
            b_.purpose("hiding paths");
            const Slot null = b_.new_slot("null-device"), empty = b_.new_slot("empty-directory");
            b_.add(step::CheckDevice{tree_.dev, "null", 1, 3, null});
            b_.add(step::MakeFilesystem{"tmpfs",
                                        "tmpfs",
                                        {{"size", "4k"}, {"nr_inodes", "2"}, {"mode", "755"}},
                                        kQuiet | MOUNT_ATTR_RDONLY,
                                        empty});
            for (const std::string& path : masked) {
                const auto [base, name] = located(path);
                b_.purpose(fmt::format("hiding {}", path));
                b_.add(step::MaskPath{base, name, null, empty});
            }
        }
        for (const std::string& path : expanded(spec_.readonly_paths)) {
            const auto [base, name] = located(path);
            b_.purpose(fmt::format("making {} read-only", path));
            b_.add(step::ProtectPath{base, name});
        }
    }

    ProgramBuilder& b_;
    const ContainerSpec& spec_;
    const HostFacts& facts_;
    const LaunchShape& shape_;
    bool bind_devices_ = false, dev_is_foreign_ = false;
    MountRequests wanted_;
    std::vector<Slot> trees_;  // of wanted_.others; empty but for binds
    std::vector<Slot> device_trees_, spec_device_trees_;
    std::vector<std::pair<std::string, Slot>> cgroup_trees_;
    RootPlanner root_plan_{b_, spec_, facts_, shape_};
    Slot root_, sysfs_;
    MountedTree tree_;
};

}  // namespace

MountedTree plan_mounts(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                        const LaunchShape& shape, const std::function<void()>& enter) {
    return MountPlanner{builder, spec, facts, shape}.plan(enter);
}

}  // namespace stack
