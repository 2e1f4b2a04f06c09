#include "runtime/mount_plan.hpp"

#include "runtime/base/text.hpp"
#include "runtime/dev_plan.hpp"
#include "runtime/id_map_plan.hpp"
#include "runtime/mount_requests.hpp"
#include "runtime/mount_steps.hpp"
#include "runtime/namespace_plan.hpp"
#include "runtime/root_plan.hpp"
#include "runtime/security_labels.hpp"
#include "runtime/sysctl.hpp"

#include <linux/mount.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack {

namespace {

class MountPlanner {
  public:
    MountPlanner(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                 const LaunchShape& shape)
        : b_{builder}, spec_{spec}, facts_{facts}, shape_{shape}, wanted_{read_mounts(spec.mounts)} {}

    MountedTree plan(const std::function<void()>& enter) {
        open_sources();
        if (enter) {
            root_plan_.open();
            enter();
        }
        make_proc_and_sys();
        root_plan_.make();
        tree_.root = root_ = root_plan_.root();
        if (wanted_.proc.spec) attach_proc();
        dev_.make(root_);
        if (wanted_.sys.spec) attach_sys();
        if (!wanted_.is_taken("/sys")) mount_cgroup_view();
        for (std::size_t i = 0; i < wanted_.others.size(); ++i) attach_wanted(wanted_.others[i], trees_[i]);
        tree_.dev = dev_.dev();
        tree_.pts = dev_.pts();
        hide_paths();
        mounts_.finish();
        root_plan_.finish();
        return tree_;
    }

  private:
    [[nodiscard]] bool has(NamespaceKind kind) const { return find_namespace(spec_, kind) != nullptr; }

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
            if (mount.spec->source.starts_with("fd:")) {
                trees_.back() = b_.input(mount.spec->source);
                continue;
            }
            trees_.back() = b_.new_slot(fmt::format("mount{}", trees_.size() - 1));
            b_.add(
                step::CloneHostTree{mount.spec->source, mount.options.recursive_bind, false, trees_.back()});
            map_ids(mount, trees_.back());
        }
        dev_.open();
        // A sysfs can be mounted only by who owns the network namespace.
        const bool owns_network =
            shape_.network ? shape_.owns_network : makes_namespace(spec_, NamespaceKind::network);
        if (wanted_.sys.spec && has(NamespaceKind::user) && !owns_network) {
            mounts_.purpose("/sys");
            sysfs_ = b_.new_slot("sys");
            b_.add(step::CloneHostTree{"/sys", true, false, sysfs_});
        }
        open_cgroup_view();
    }

    void map_ids(const MountRequest& mount, Slot tree) {
        const bool asked = mount.options.id_mapped || !mount.spec->uid_mappings.empty();
        if (!asked) return;
        b_.add(step::IdMapMount{tree, id_map_slot(b_, spec_, id_maps_of(spec_, *mount.spec)),
                                mount.options.recursively_id_mapped});
    }

    void open_cgroup_view() {
        if (!wanted_.cgroup.spec || facts_.cgroup_mode == CgroupMode::none) return;
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
        // Some settings are made through a procfs, be it one that nobody will ever see.
        if (wanted_.proc.spec || !spec_.sysctl.empty() || spec_.process.oom_score_adj ||
            has_exec_label(spec_.process)) {
            mounts_.purpose("/proc", wanted_.proc);
            tree_.proc = mounts_.make("proc", "proc", wanted_.proc, kQuiet);
        }
        const auto own = [&](NamespaceKind kind) { return has_own_namespace(spec_, shape_, kind); };
        for (const auto& [key, value] : spec_.sysctl) {
            b_.purpose(fmt::format("setting sysctl {} to \"{}\"", key, value));
            b_.add(step::WriteSysctl{tree_.proc,
                                     checked_sysctl_path(key, value, own(NamespaceKind::network),
                                                         own(NamespaceKind::ipc), own(NamespaceKind::uts)),
                                     value});
        }
        if (spec_.process.oom_score_adj) {
            b_.purpose(fmt::format("setting the OOM score adjustment to {}", *spec_.process.oom_score_adj),
                       std::nullopt, "values below the current one need CAP_SYS_RESOURCE");
            b_.add(step::SetOomScore{tree_.proc, std::to_string(*spec_.process.oom_score_adj)});
        }
        if (!wanted_.sys.spec) return;
        mounts_.purpose("/sys", wanted_.sys);
        if (sysfs_.valid()) {
            const std::uint64_t propagation = wanted_.sys.options.propagation;
            b_.add(step::SetMountAttributes{sysfs_, kQuiet | MOUNT_ATTR_RDONLY, 0,
                                            propagation == 0 ? std::uint64_t{MS_PRIVATE} : propagation,
                                            true});
            return;
        }
        sysfs_ = mounts_.make("sys", "sysfs", wanted_.sys, kQuiet | MOUNT_ATTR_RDONLY);
    }

    // --- what nearly every container has --------------------------------------------------------------------------

    void attach_proc() {
        mounts_.purpose("/proc");
        mounts_.attach_directory(tree_.proc, root_, "proc", true);
    }

    void attach_sys() {
        mounts_.purpose("/sys", wanted_.sys);
        mounts_.attach_directory(sysfs_, root_, "sys", false);
    }

    // The view of the control groups is always the same, one's own; only whether it can be written is for the spec to say.
    void mount_cgroup_view() {
        if (!wanted_.cgroup.spec || facts_.cgroup_mode == CgroupMode::none) return;
        const char* path = "sys/fs/cgroup";
        const bool asked = (wanted_.cgroup.options.clear & MOUNT_ATTR_RDONLY) != 0;
        const bool writable = asked && may_write_cgroups();
        const std::uint64_t access = writable ? 0 : MOUNT_ATTR_RDONLY;
        if (asked && !writable && facts_.cgroup_mode == CgroupMode::unified)
            b_.program().warnings.emplace_back(
                "/sys/fs/cgroup can only be read: writing takes a cgroup namespace of the container's own");
        if (facts_.cgroup_mode == CgroupMode::unified && cgroup_trees_.empty()) {
            mounts_.mount("/sys/fs/cgroup", root_, path, "cgroup2", MountRequest{}, kQuiet | access, {},
                          false);
            return;
        }
        if (facts_.cgroup_mode == CgroupMode::unified) {
            b_.purpose("mounting /sys/fs/cgroup");
            const Slot tree = cgroup_trees_.front().second;
            b_.add(step::SetMountAttributes{tree, kQuiet | access, 0, MS_PRIVATE, true});
            mounts_.attach(tree, root_, path, step::OpenMountPoint::Kind::directory, true, false);
            return;
        }
        // v1: a view of this container's groups, read-only whatever the spec says. release_agent (CVE-2022-0492) is out of reach: it lies in the
        // root of a hierarchy, and nothing here can be written.
        const Slot base = mounts_.mount("/sys/fs/cgroup", root_, path, "tmpfs", MountRequest{}, kQuiet,
                                        {{"mode", "755"}, {"size", "64k"}}, true);
        for (const auto& [name, tree] : cgroup_trees_) {
            mounts_.attach(tree, base, name, step::OpenMountPoint::Kind::directory, true, false);
            if (name.find(',') == std::string::npos) continue;
            for (const std::string& controller : split(name, ','))
                b_.add(step::MakeSymlink{base, controller, name});
        }
        b_.add(step::SetMountAttributes{base, kQuiet | MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, true});
    }

    // Its own part; in the host's namespace that is everybody's, and for those who could mount it themselves.
    [[nodiscard]] bool may_write_cgroups() const {
        if (facts_.cgroup_mode != CgroupMode::unified) return false;
        const std::vector<std::string>& effective = spec_.process.capabilities.effective;
        const bool may_mount = !has(NamespaceKind::user) && std::find(effective.begin(), effective.end(),
                                                                      "CAP_SYS_ADMIN") != effective.end();
        return may_mount || has_own_namespace(spec_, shape_, NamespaceKind::cgroup);
    }

    // --- the spec's mounts ----------------------------------------------------------------------------------------

    void attach_wanted(const MountRequest& mount, Slot tree) {
        mount_purpose(mount);
        const MountOptions& options = mount.options;
        if (!options.bind) tree = make_wanted(mount);
        const Slot target = b_.new_slot("at-" + mount.destination);
        const std::string path = mount.destination.substr(1);
        const bool special = path == "dev" || path == "sys";
        const bool in_proc = path.starts_with("proc/");
        b_.add(step::OpenMountPoint{root_, path, step::OpenMountPoint::Kind::like_source, tree,
                                    special || in_proc, !in_proc, target});
        if (options.copy_up) b_.add(step::CopyUp{tree, target});
        if (options.bind) add_bind_attributes(options, tree);
        b_.add(step::AttachMount{tree, target, mounts_.is_used_again(tree)});
        if (mount.destination == "/dev") dev_.look_into(root_);
        if (mount.destination == "/sys") mount_cgroup_view();
    }

    Slot make_wanted(const MountRequest& mount) {
        const std::string& type = mount.spec->type;
        const bool cgroup = type == "cgroup" || type == "cgroup2";
        return mounts_.make(mount.destination, cgroup ? "cgroup2" : type.c_str(), mount,
                            cgroup ? MOUNT_ATTR_RDONLY : 0u);
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
        if (wanted_.proc.spec && path.starts_with("/proc/")) return {tree_.proc, path.substr(6)};
        return {root_, path.substr(1)};
    }

    void hide_paths() {
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
    MountRequests wanted_;
    MountSteps mounts_{b_, spec_.mount_label};
    DevPlanner dev_{b_, mounts_, spec_, wanted_, facts_.in_user_namespace || has(NamespaceKind::user)};
    std::vector<Slot> trees_;  // of wanted_.others; empty but for binds
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
