#include "manager/engine/volume_fill.hpp"

#include "manager/engine/tree_copy.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/file_lock.hpp"
#include "runtime/base/path_at.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include <fmt/format.h>

namespace stack::engine {

namespace {

// The volume's folder, beside whose data the marks lie.
std::string folder_of(const MountRecord& mount) {
    return mount.host_path.substr(0, mount.host_path.rfind('/'));
}

std::string mark_of(const MountRecord& mount) {
    return folder_of(mount) + "/unfinished";
}

void clear(const std::string& data) {
    for (const std::string& name : list_directory(data)) remove_tree(data + '/' + name);
}

}  // namespace

bool wants_filling(const MountRecord& mount) {
    if (mount.volume_name.empty() || mount.nocopy) return false;
    return path_exists(mark_of(mount)) || list_directory(mount.host_path).empty();
}

void fill_volume(int image_root, const MountRecord& mount) {
    const FileLock lock = FileLock::acquire(folder_of(mount) + "/fill.lock");
    if (path_exists(mark_of(mount))) clear(mount.host_path);
    if (!list_directory(mount.host_path).empty()) return;  // somebody else has filled it meanwhile
    const UniqueFd source = try_open_at(image_root, mount.target, O_RDONLY | O_DIRECTORY, Resolve::in_root);
    if (!source.valid()) return;
    write_file_atomically(mark_of(mount), "", Durability::crash);
    try {
        copy_tree(source.get(), open_directory(mount.host_path).get());
    } catch (Error& error) {
        clear(mount.host_path);
        throw error.add_context(fmt::format("filling volume \"{}\" from the image", mount.volume_name));
    }
    if (::unlink(mark_of(mount).c_str()) != 0)
        throw_errno(fmt::format("finish volume \"{}\"", mount.volume_name));
}

}  // namespace stack::engine
