#include "manager/engine/cdi.hpp"

#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace stack::engine {

namespace {

constexpr std::size_t kMaxFile = 1u << 20;

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

void append(HookSpecs& all, const HookSpecs& more) {
    append(all.prestart, more.prestart);
    append(all.create_runtime, more.create_runtime);
    append(all.create_container, more.create_container);
    append(all.start_container, more.start_container);
    append(all.poststart, more.poststart);
    append(all.poststop, more.poststop);
}

void append(CdiEdits& all, const CdiEdits& more) {
    append(all.env, more.env);
    append(all.nodes, more.nodes);
    append(all.mounts, more.mounts);
    append(all.hooks, more.hooks);
    append(all.additional_gids, more.additional_gids);
    all.net_devices.insert(more.net_devices.begin(), more.net_devices.end());
}

// 2 before 10.
bool is_before(const std::string& a, const std::string& b) {
    const auto left = parse_int(a), right = parse_int(b);
    return left && right ? *left < *right : a < b;
}

void set_variable(std::vector<std::string>& env, const std::string& entry) {
    const std::string key = entry.substr(0, entry.find('=') + 1);
    std::erase_if(env, [&key](const std::string& other) { return other.starts_with(key); });
    env.push_back(entry);
}

void add_node(const CdiDeviceNode& wanted, ContainerSpec& spec) {
    DeviceSpec node;
    node.path = wanted.path;
    struct stat info {};
    const bool found = ::stat(wanted.host_path.c_str(), &info) == 0;
    const bool complete = wanted.type != 0 && wanted.major && wanted.minor;
    if (!found && !complete)
        throw Error::from_errno(errno, fmt::format("device '{}'", wanted.host_path))
            .with_hint("the device's specification names it; is its driver loaded?");
    if (found && !complete && !S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode))
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is no device", wanted.host_path)};
    node.type = wanted.type != 0 ? wanted.type : S_ISBLK(info.st_mode) ? 'b' : 'c';
    node.major = wanted.major.value_or(gnu_dev_major(info.st_rdev));
    node.minor = wanted.minor.value_or(gnu_dev_minor(info.st_rdev));
    node.mode = wanted.mode.value_or(found ? info.st_mode & 07777 : 0660);
    node.uid = wanted.uid.value_or(found ? info.st_uid : 0);
    node.gid = wanted.gid.value_or(found ? info.st_gid : 0);
    if (node.type != 'p')
        spec.resources.devices.push_back({.allow = true,
                                          .type = node.type,
                                          .major = node.major,
                                          .minor = node.minor,
                                          .access = wanted.permissions});
    std::erase_if(spec.devices, [&node](const DeviceSpec& other) { return other.path == node.path; });
    spec.devices.push_back(std::move(node));
}

}  // namespace

CdiDevices::CdiDevices(const std::vector<std::string>& directories) : directories_{directories} {
    for (std::size_t priority = 0; priority < directories.size(); ++priority) {
        for (const std::string& name : list_directory(directories[priority])) {
            if (!name.ends_with(".json") && !name.ends_with(".yaml")) continue;
            const std::string path = directories[priority] + "/" + name;
            try {
                files_.push_back({parse_cdi_file(read_file(path, kMaxFile + 1), path), priority});
            } catch (const Error& error) {
                broken_.push_back(error);
            }
        }
    }
}

const CdiDevices::Found& CdiDevices::file_of(const CdiName& name, const std::string& text) const {
    const Found* best = nullptr;
    const Found* rival = nullptr;
    for (const Found& found : files_) {
        if (found.file.kind != name.kind || !found.file.devices.contains(name.device)) continue;
        rival = best && best->priority == found.priority ? best : nullptr;
        best = &found;
    }
    if (rival)
        throw Error{ErrorKind::conflict, fmt::format("two specifications have a device \"{}\": {} and {}",
                                                     text, rival->file.path, best->file.path)};
    if (best) return *best;
    // A file that should have it may be the one that can't be read.
    if (!broken_.empty())
        throw Error{broken_.front()}.add_context(fmt::format("looking for device \"{}\"", text));
    std::vector<std::string> known;
    for (const Found& found : files_)
        for (const auto& [device, edits] : found.file.devices)
            known.push_back(found.file.kind + "=" + device);
    Error error{ErrorKind::not_found, fmt::format("there is no device \"{}\"", text)};
    if (known.empty())
        error.with_hint(fmt::format("no specification of devices is in {}; drivers put theirs there",
                                    join(directories_, " or ")));
    else if (const auto near = nearest(text, known))
        error.with_hint(fmt::format("did you mean \"{}\"?", *near));
    else
        error.with_hint(fmt::format("there are {}", join(known, ", ")));
    throw error;
}

CdiEdits CdiDevices::edits_of(const std::vector<std::string>& names) const {
    CdiEdits all;
    std::set<const CdiFile*> used;
    std::set<std::string> done;
    for (const std::string& text : names) {
        if (!done.insert(text).second) continue;
        const std::optional<CdiName> name = parse_cdi_name(text);
        if (!name)
            throw Error{ErrorKind::invalid_input, fmt::format("\"{}\" is no name of a device", text)}
                .with_hint("it is written as vendor.com/class=name");
        const CdiFile& file = file_of(*name, text).file;
        if (used.insert(&file).second) append(all, file.edits);
        append(all, file.devices.at(name->device));
    }
    return all;
}

std::vector<std::string> CdiDevices::choose(const std::string& kind, int count) const {
    std::set<std::string> unordered;
    bool has_all = false;
    for (const Found& found : files_) {
        if (found.file.kind != kind) continue;
        for (const auto& [device, edits] : found.file.devices)
            if (device == "all")
                has_all = true;
            else
                unordered.insert(device);
    }
    if (count < 0 && has_all) return {kind + "=all"};
    std::vector<std::string> devices(unordered.begin(), unordered.end());
    // Vendors name a device by its number, and by its serial number again.
    const auto is_number = [](const std::string& name) { return parse_int(name).has_value(); };
    if (std::any_of(devices.begin(), devices.end(), is_number))
        std::erase_if(devices, std::not_fn(is_number));
    std::sort(devices.begin(), devices.end(), is_before);
    const std::size_t wanted =
        count < 0 ? std::max<std::size_t>(devices.size(), 1) : static_cast<std::size_t>(count);
    if (devices.size() < wanted) {
        if (!broken_.empty()) throw Error{broken_.front()}.add_context(fmt::format("looking for a {}", kind));
        throw Error{ErrorKind::not_found,
                    fmt::format("devices of kind {}: {} wanted, {} there", kind, wanted, devices.size())}
            .with_hint(
                fmt::format("their driver's specification belongs into {}", join(directories_, " or ")));
    }
    devices.resize(wanted);
    for (std::string& device : devices) device.insert(0, kind + "=");
    return devices;
}

void apply_cdi_edits(const CdiEdits& edits, ContainerSpec& spec) {
    for (const std::string& entry : edits.env) set_variable(spec.process.env, entry);
    for (const CdiDeviceNode& node : edits.nodes) add_node(node, spec);
    for (const MountSpec& mount : edits.mounts) {
        std::erase_if(spec.mounts,
                      [&mount](const MountSpec& other) { return other.destination == mount.destination; });
        spec.mounts.push_back(mount);
    }
    append(spec.hooks, edits.hooks);
    for (const std::uint32_t gid : edits.additional_gids)
        spec.process.group_add.push_back(std::to_string(gid));
    spec.net_devices.insert(edits.net_devices.begin(), edits.net_devices.end());
}

}  // namespace stack::engine
