#include "runtime/oci/state_store.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/oci/container_id.hpp"
#include "runtime/oci/fault_point.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack::oci {

namespace {

Error no_such_container(const std::string& id) {
    return Error{ErrorKind::not_found, "container does not exist"}.add_context(
        fmt::format("container \"{}\"", id));
}

}  // namespace

std::string StateStore::file(const std::string& id, const std::string& name) const {
    return root_ + "/" + id + "/" + name;
}

FileLock StateStore::create(const std::string& id) const {
    check_container_id(id);
    const std::string directory = root_ + "/" + id;
    bool made = ::mkdir(directory.c_str(), 0700) == 0;
    if (!made && errno == ENOENT) {  // the first container of this boot
        make_directories(root_);
        made = ::mkdir(directory.c_str(), 0700) == 0;
    }
    if (!made) {
        const int error = errno;
        if (error != EEXIST) throw Error::from_errno(error, fmt::format("make directory {}", directory));
        throw Error{ErrorKind::already_exists, "container with given ID already exists"}
            .add_context(fmt::format("container \"{}\"", id))
            .with_hint(fmt::format("remove it first: stack-runtime delete {}", id));
    }
    fault_point("create.unlocked");
    return FileLock::acquire(file(id, "lock"));
}

FileLock StateStore::lock(const std::string& id) const {
    check_container_id(id);
    if (!has_directory(id)) throw no_such_container(id);
    try {
        FileLock held = FileLock::acquire(file(id, "lock"));
        if (has_directory(id)) return held;
    } catch (const Error& error) {
        if (error.code() != ENOENT) throw;
    }
    throw no_such_container(id);
}

bool StateStore::locked(const std::string& id) const {
    try {
        return !FileLock::try_acquire(file(id, "lock"), true).has_value();
    } catch (const Error& error) {
        if (error.code() != ENOENT) throw;
        return false;
    }
}

void StateStore::save(const ContainerRecord& record) const {
    write_file_atomically(file(record.id, "state.json"), record_text(record), Durability::crash);
}

void StateStore::save_config(const std::string& id, const std::string& text) const {
    write_file_atomically(file(id, "config.json"), text, Durability::crash);
}

std::optional<ContainerRecord> StateStore::find(const std::string& id) const {
    check_container_id(id);
    const std::optional<std::string> text = read_file_if_exists(file(id, "state.json"));
    if (!text) return std::nullopt;
    try {
        return parse_record(*text);
    } catch (Error& error) {
        throw error.add_context(fmt::format("container \"{}\"", id));
    }
}

ContainerRecord StateStore::load(const std::string& id) const {
    std::optional<ContainerRecord> record = find(id);
    if (!record) throw no_such_container(id);
    return std::move(*record);
}

OciConfig StateStore::load_config(const std::string& id) const {
    const std::optional<std::string> text = read_file_if_exists(file(id, "config.json"));
    if (!text)
        throw Error{ErrorKind::conflict, "the container was not created to its end"}
            .add_context(fmt::format("container \"{}\"", id))
            .with_hint(fmt::format("remove it: stack-runtime delete --force {}", id));
    return read_config(*text);
}

void StateStore::remove(const std::string& id) const {
    check_container_id(id);
    // The record goes last, that nobody meets a directory without one.
    for (const char* name : {"config.json", "lock", "start.sock", "starting.sock", "state.json"})
        ::unlink(file(id, name).c_str());
    if (::rmdir((root_ + "/" + id).c_str()) != 0 && errno != ENOENT) remove_tree(root_ + "/" + id);
}

std::vector<std::string> StateStore::ids() const {
    if (!exists())
        throw Error{ErrorKind::not_found, fmt::format("open {}: no such file or directory", root_)};
    std::vector<std::string> result;
    for (const std::string& name : list_directory(root_))
        if (has(name, "state.json")) result.push_back(name);
    return result;
}

bool StateStore::exists() const {
    return path_exists(root_);
}

bool StateStore::has(const std::string& id, const std::string& name) const {
    return path_exists(file(id, name));
}

bool StateStore::has_directory(const std::string& id) const {
    return path_exists(root_ + "/" + id);
}

}  // namespace stack::oci
