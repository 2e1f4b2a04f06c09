#include "manager/engine/volume_fill.hpp"

#include "manager/engine/tree_copy.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/file_lock.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <string>

#include <fmt/format.h>

namespace stack::engine {

namespace {

// The volume's folder, of which containers see the data only.
std::string folder_of(const MountRecord& mount) {
    return mount.host_path.substr(0, mount.host_path.rfind('/'));
}

std::string staging_of(const MountRecord& mount) {
    return folder_of(mount) + "/_filling";
}

std::string whole_of(const MountRecord& mount) {
    return staging_of(mount) + "/whole";
}

bool is_empty(const MountRecord& mount) {
    return list_directory(mount.host_path).empty();
}

// Where the volume takes something from the image, `whole` is there afterwards.
void copy_beside(int image_root, const MountRecord& mount) {
    remove_tree(staging_of(mount));
    if (!is_empty(mount)) return;  // somebody else has filled it meanwhile
    const UniqueFd source = try_open_at(image_root, mount.target, O_RDONLY | O_DIRECTORY, Resolve::in_root);
    if (!source.valid()) return;
    const std::string copy = staging_of(mount) + "/copy";
    make_directories(copy);
    copy_tree(source.get(), open_directory(copy).get());
    if (!is_empty(mount)) return;  // a container that has it mounted was faster
    if (::rename(copy.c_str(), whole_of(mount).c_str()) != 0) throw_errno("finish the copy");
}

void move_entry(int from, int to, const std::string& name) {
    if (::renameat2(from, name.c_str(), to, name.c_str(), RENAME_NOREPLACE) == 0 || errno == EEXIST) return;
    const int error = errno;
    Error failure = Error::from_errno(error, fmt::format("move '{}' into the volume", name));
    if (error == EXDEV)
        throw failure.with_hint("the volume's _data is a file system of its own; set 'nocopy: true'");
    throw failure;
}

void move_into(const MountRecord& mount) {
    const UniqueFd whole = open_directory(whole_of(mount)), data = open_directory(mount.host_path);
    struct stat info {};  // before its entries leave, which changes the time
    if (::fstat(whole.get(), &info) != 0) throw_errno("look at the copy");
    for (const std::string& name : list_directory_at(whole.get())) move_entry(whole.get(), data.get(), name);
    copy_attributes(whole.get(), data.get(), info);
}

}  // namespace

bool wants_filling(const MountRecord& mount) {
    if (mount.volume_name.empty() || mount.nocopy) return false;
    // In this order: as long as a fill has put in a part only, its staging folder is there.
    return is_empty(mount) || path_exists(staging_of(mount));
}

void fill_volume(int image_root, const MountRecord& mount) {
    const FileLock lock = FileLock::acquire(folder_of(mount) + "/fill.lock");
    try {
        if (!path_exists(whole_of(mount))) copy_beside(image_root, mount);
        if (path_exists(whole_of(mount))) move_into(mount);
    } catch (Error& error) {
        if (!path_exists(whole_of(mount))) remove_tree(staging_of(mount));
        throw error.add_context(fmt::format("filling volume \"{}\" from the image", mount.volume_name));
    }
    remove_tree(staging_of(mount));
}

}  // namespace stack::engine
