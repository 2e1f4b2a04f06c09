#include "manager/engine/volume_store.hpp"

#include "manager/engine/project_store.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/disk_use.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::engine {

namespace {

using nlohmann::json;

constexpr int kVolumeRecordVersion = 1;

// Docker's rule; it also keeps a name from being a path.
bool is_volume_name(const std::string& name) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const std::string allowed = std::string{kLetters} + "_.-";
    return !name.empty() && name.size() <= 255 && kLetters.find(name.front()) != std::string_view::npos &&
           name.find_first_not_of(allowed) == std::string::npos;
}

std::string volume_folder(const Paths& paths, const std::string& name) {
    if (!is_volume_name(name))
        throw Error{ErrorKind::invalid_input, fmt::format("\"{}\" can't be the name of a volume", name)}
            .with_hint("use letters, digits, '_', '.' and '-', and begin with a letter or a digit");
    return paths.volumes() + '/' + name;
}

bool has_labels(const VolumeRecord& volume, const std::map<std::string, std::string>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
        const auto found = volume.labels.find(label.first);
        return found != volume.labels.end() && (label.second.empty() || found->second == label.second);
    });
}

FileLock lock_for_removal(const Paths& paths) {
    make_directories(paths.data_root);
    return FileLock::acquire(paths.volume_lock());
}

}  // namespace

std::string volume_data(const Paths& paths, const std::string& name) {
    return volume_folder(paths, name) + "/_data";
}

void create_volume(const Paths& paths, VolumeRecord record) {
    const std::string folder = volume_folder(paths, record.name);
    if (!path_exists(folder + "/volume.json")) {
        record.created_ns = wall_clock_ns();
        make_directories(folder);
        const json document{{"version", kVolumeRecordVersion}, {"name", record.name},
                            {"project", record.project},       {"key", record.key},
                            {"anonymous", record.anonymous},   {"labels", record.labels},
                            {"created_ns", record.created_ns}};
        write_file_atomically(folder + "/volume.json", document.dump(), Durability::power_loss);
    }
    // Also where an earlier creation was cut short after the record.
    make_directories(folder + "/_data", 0755);
}

std::optional<VolumeRecord> find_volume(const Paths& paths, const std::string& name) {
    if (!is_volume_name(name)) return std::nullopt;
    const auto text = read_file_if_exists(volume_folder(paths, name) + "/volume.json");
    if (!text) return std::nullopt;
    try {
        const json document = json::parse(*text);
        VolumeRecord record;
        document.at("name").get_to(record.name);
        document.at("project").get_to(record.project);
        document.at("key").get_to(record.key);
        document.at("anonymous").get_to(record.anonymous);
        document.at("labels").get_to(record.labels);
        record.created_ns = document.value("created_ns", std::int64_t{0});
        if (record.name != name) return std::nullopt;
        return record;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

std::vector<VolumeRecord> list_volumes(const Paths& paths) {
    std::vector<VolumeRecord> result;
    for (const std::string& name : list_directory(paths.volumes()))
        if (std::optional<VolumeRecord> record = find_volume(paths, name))
            result.push_back(std::move(*record));
    return result;
}

VolumeUsers volume_users(const Paths& paths) {
    VolumeUsers users;
    for (const std::string& project : list_projects(paths))
        for (const StoredContainer& container : load_project_state(paths, project).containers)
            for (const MountRecord& mount : container.record.mounts)
                if (!mount.volume_name.empty()) users[mount.volume_name].push_back(container.record.name);
    for (auto& [volume, names] : users) {
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
    }
    return users;
}

FileLock hold_volumes(const Paths& paths) {
    make_directories(paths.data_root);
    return FileLock::acquire(paths.volume_lock(), true);
}

void remove_volume(const Paths& paths, const std::string& name) {
    // The record goes last: a removal that is cut short is found and finished by the next one.
    remove_tree(volume_data(paths, name));
    remove_tree(volume_folder(paths, name));
}

void remove_unused_volume(const Paths& paths, const std::string& name, bool force) {
    const FileLock lock = lock_for_removal(paths);
    if (!path_exists(volume_folder(paths, name))) {
        if (force) return;
        throw Error{ErrorKind::not_found, fmt::format("there is no volume \"{}\"", name)};
    }
    const VolumeUsers users = volume_users(paths);
    if (const auto found = users.find(name); found != users.end())
        throw Error{ErrorKind::conflict,
                    fmt::format("volume \"{}\" is used by {}", name, join(found->second, ", "))}
            .with_hint("remove the containers first, e.g. with `stack down`");
    remove_volume(paths, name);
}

std::vector<RemovedVolume> prune_volumes(const Paths& paths, bool named,
                                         const std::map<std::string, std::string>& with_labels) {
    if (!path_exists(paths.volumes())) return {};
    const FileLock lock = lock_for_removal(paths);
    const VolumeUsers users = volume_users(paths);
    std::vector<RemovedVolume> removed;
    for (const VolumeRecord& volume : list_volumes(paths)) {
        if (users.contains(volume.name) || (!named && !volume.anonymous) || !has_labels(volume, with_labels))
            continue;
        DiskCounter disk;
        removed.push_back({volume.name, disk.tree(volume_folder(paths, volume.name))});
        remove_volume(paths, volume.name);
    }
    return removed;
}

}  // namespace stack::engine
