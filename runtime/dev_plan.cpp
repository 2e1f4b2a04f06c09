#include "runtime/dev_plan.hpp"

#include "runtime/base/error.hpp"

#include <linux/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace stack {

namespace {

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

constexpr Device kMultiplexer{"ptmx", 5, 2};  // a link to that of the container's own devpts

mode_t node_type(const DeviceSpec& device) {
    return device.type == 'b' ? S_IFBLK : device.type == 'p' ? S_IFIFO : S_IFCHR;
}

bool is_same(const DeviceSpec& listed, const Device& usual) {
    return node_type(listed) == S_IFCHR && listed.major == usual.major && listed.minor == usual.minor;
}

// What every /dev has. A list of devices may name it too, as engines list all of the host's for a privileged container, but
// not as another device.
bool is_in_every_dev(const DeviceSpec& device) {
    const std::string path = clean_container_path(device.path, "device");
    if (!path.starts_with("/dev/")) return false;
    const std::string_view name = std::string_view{path}.substr(5);
    const auto has_name = [&](const auto& known) { return known.name == name; };
    const auto* usual = std::find_if(kDevices.begin(), kDevices.end(), has_name);
    if (usual == kDevices.end() && std::none_of(kDevLinks.begin(), kDevLinks.end(), has_name)) return false;
    if (usual == kDevices.end() && name == kMultiplexer.name) usual = &kMultiplexer;
    if (usual == kDevices.end() || !is_same(device, *usual))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("device {} is something else in every container than {} {}:{}", device.path,
                                device.type, device.major, device.minor)};
    return true;
}

}  // namespace

DevPlanner::DevPlanner(ProgramBuilder& builder, MountSteps& mounts, const ContainerSpec& spec,
                       const MountRequests& wanted, bool bind_devices)
    : b_{builder},
      mounts_{mounts},
      spec_{spec},
      wanted_{wanted},
      bind_devices_{bind_devices},
      foreign_{wanted.is_taken("/dev")} {}

void DevPlanner::open() {
    if (!bind_devices_ || foreign_) return;
    b_.purpose("opening the devices of /dev");
    for (const Device& device : kDevices) {
        device_trees_.push_back(b_.new_slot(fmt::format("dev-{}", device.name)));
        clone_private(fmt::format("/dev/{}", device.name), device_trees_.back());
    }
    open_spec_devices();
}

void DevPlanner::open_spec_devices() {
    for (const DeviceSpec& device : spec_.devices) {
        spec_device_trees_.emplace_back();
        if (is_in_every_dev(device)) continue;
        if (device.type == 'p') continue;  // which can be made by anybody
        spec_device_trees_.back() = b_.new_slot(fmt::format("device{}", spec_device_trees_.size() - 1));
        b_.purpose(fmt::format("opening device {}", device.path), std::nullopt,
                   "a user namespace may make no devices: the host's of that path is bound");
        clone_private(device.path, spec_device_trees_.back());
        b_.add(step::CheckNode{spec_device_trees_.back(), node_type(device),
                               static_cast<std::uint32_t>(device.major),
                               static_cast<std::uint32_t>(device.minor)});
    }
}

// What a container mounts on its device must not appear on the host's.
void DevPlanner::clone_private(const std::string& path, Slot tree) {
    b_.add(step::CloneHostTree{path, false, false, tree});
    b_.add(step::SetMountAttributes{tree, 0, 0, MS_PRIVATE, false});
}

void DevPlanner::make(Slot root) {
    if (foreign_) return;
    mount_or_open(root);
    b_.purpose("filling /dev");
    for (std::size_t i = 0; i < kDevices.size(); ++i) add_default_device(i);
    for (const DevLink& link : kDevLinks)
        b_.add(step::MakeSymlink{dev_, std::string{link.name}, std::string{link.target}});
    mount_inside();
    for (const DeviceSpec& device : spec_.devices) add_device(device, root);
}

void DevPlanner::look_into(Slot root) {
    b_.purpose("looking into /dev");
    dev_ = b_.new_slot("dev");
    b_.add(step::OpenDirectory{root, "dev", 0, dev_});
    mount_inside();
}

void DevPlanner::mount_or_open(Slot root) {
    if (wanted_.dev.spec) {
        dev_ = mounts_.mount("/dev", root, "dev", "tmpfs", wanted_.dev,
                             MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
                             {{"mode", "755"}, {"size", "65536k"}}, true);
        return;
    }
    b_.purpose("looking into /dev", std::nullopt,
               "the image's /dev must be a directory or missing, not a link");
    dev_ = b_.new_slot("dev");
    b_.add(step::OpenMountPoint{root, "dev", step::OpenMountPoint::Kind::directory, {}, true, false, dev_});
}

void DevPlanner::mount_inside() {
    if (wanted_.pts.spec)
        pts_ = mounts_.mount("/dev/pts", dev_, "pts", "devpts", wanted_.pts,
                             MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, pts_options(), true);
    if (wanted_.shm.spec)
        mounts_.mount("/dev/shm", dev_, "shm", "tmpfs", wanted_.shm, kQuiet,
                      {{"mode", "1777"}, {"size", "65536k"}}, false);
    if (wanted_.mqueue.spec)
        mounts_.mount("/dev/mqueue", dev_, "mqueue", "mqueue", wanted_.mqueue, kQuiet, {}, false);
}

// Group tty where the container has it.
std::vector<step::FilesystemOption> DevPlanner::pts_options() const {
    std::vector<step::FilesystemOption> options{
        {"newinstance", std::nullopt}, {"ptmxmode", "0666"}, {"mode", "0620"}};
    const bool mapped =
        spec_.gid_mappings.empty() ||
        std::any_of(spec_.gid_mappings.begin(), spec_.gid_mappings.end(), [](const IdMapping& map) {
            return map.container_id <= 5 && 5 - map.container_id < map.size;
        });
    if (mapped) options.push_back({"gid", "5"});
    return options;
}

void DevPlanner::add_default_device(std::size_t index) {
    const Device& device = kDevices[index];
    const std::string name{device.name};
    if (bind_devices_) {
        mounts_.attach(device_trees_[index], dev_, name, step::OpenMountPoint::Kind::file, true, false);
    } else {
        DeviceSpec node;  // mode and owner are for a list to say
        for (const DeviceSpec& listed : spec_.devices)
            if (listed.path == "/dev/" + name) node = listed;
        b_.add(step::MakeDevice{dev_, name, S_IFCHR | (node.mode & 07777), device.major, device.minor,
                                node.uid, node.gid});
    }
}

void DevPlanner::add_device(const DeviceSpec& device, Slot root) {
    const std::string path = clean_container_path(device.path, "device");
    const bool in_dev = path.starts_with("/dev/");
    const std::string name = path.substr(in_dev ? 5 : 1);
    if (is_in_every_dev(device)) return;
    b_.purpose(fmt::format("making device {}", path));
    if (bind_devices_ && device.type != 'p') {
        const Slot tree = spec_device_trees_.at(static_cast<std::size_t>(&device - spec_.devices.data()));
        mounts_.attach(tree, in_dev ? dev_ : root, name, step::OpenMountPoint::Kind::file, true, false);
        return;
    }
    b_.add(step::MakeDevice{in_dev ? dev_ : root, name, node_type(device) | (device.mode & 07777),
                            static_cast<std::uint32_t>(device.major),
                            static_cast<std::uint32_t>(device.minor), device.uid, device.gid});
}

}  // namespace stack
