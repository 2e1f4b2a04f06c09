// Volumes: named ones, made by projects or by hand, and anonymous ones, which belong to containers. A volume is a folder
// with a record beside its data; who uses it is read from the containers' records of all projects.
//
//   <data>/volumes/<name>/volume.json   VolumeRecord, fsync; written before the data folder, removed after it
//   <data>/volumes/<name>/_data/        what containers see
//   <data>/volumes.lock                 shared while a container is made, alone while volumes are removed: what a container
//                                       is about to mount is not unused
#pragma once

#include "manager/engine/paths.hpp"
#include "runtime/base/file_lock.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stack::engine {

struct VolumeRecord {
    std::string name;
    std::string project, key;  ///< empty for volumes made by hand
    bool anonymous = false;
    std::map<std::string, std::string> labels;
    std::int64_t created_ns = 0;  ///< since the epoch; 0: not known
    bool operator==(const VolumeRecord&) const = default;
};

/// A volume's data directory; the record lies beside it. Throws Error(invalid_input) for a name that can't be one.
std::string volume_data(const Paths& paths, const std::string& name);

/// Makes the volume, or leaves an existing one as it is. `created_ns` is filled in. Throws Error.
void create_volume(const Paths& paths, VolumeRecord record);
/// Sorted by name. Volumes whose record is damaged are passed over.
std::vector<VolumeRecord> list_volumes(const Paths& paths);
std::optional<VolumeRecord> find_volume(const Paths& paths, const std::string& name);

/// Names of the containers that mount each volume, of all projects, sorted. Volumes that nobody uses are not in it.
using VolumeUsers = std::map<std::string, std::vector<std::string>>;
VolumeUsers volume_users(const Paths& paths);

/// Keep this from before a container's mounts are resolved until its record names them.
FileLock hold_volumes(const Paths& paths);

/// Removes the data and the record, whoever uses them: for `down`, which has removed the containers. Idempotent.
void remove_volume(const Paths& paths, const std::string& name);
/// The same for people: throws Error(not_found), or Error(conflict) naming the containers. With `force` a missing volume is
/// no error.
void remove_unused_volume(const Paths& paths, const std::string& name, bool force);

/// Removes volumes that no container uses: anonymous ones, and with `named` all of them. Returns what was removed, with the
/// bytes that came free. `with_labels`: only those that have all these labels; an empty value stands for any.
struct RemovedVolume {
    std::string name;
    std::uint64_t freed_bytes = 0;
};
std::vector<RemovedVolume> prune_volumes(const Paths& paths, bool named,
                                         const std::map<std::string, std::string>& with_labels = {});

}  // namespace stack::engine
