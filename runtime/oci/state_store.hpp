// Where containers are remembered between two commands: one directory each, below the root that `--root` names.
//
//   <root>/<id>/state.json    the record; replaced as a whole, and written before what it describes exists
//   <root>/<id>/config.json   the configuration that the container was made from, resource changes included
//   <root>/<id>/lock          held by who changes the container: create, start, delete, update
//   <root>/<id>/start.sock    there as long as the container waits to be started
//   <root>/<id>/notify/       the container's end of NOTIFY_SOCKET
//
// Commands that only look take no lock: a record is always whole. All of it is 0700.
#pragma once

#include "runtime/base/file_lock.hpp"
#include "runtime/oci/config_reader.hpp"
#include "runtime/oci/container_record.hpp"

#include <optional>
#include <string>
#include <vector>

namespace stack::oci {

class StateStore {
  public:
    explicit StateStore(std::string root) : root_{std::move(root)} {}

    /// Makes the container's directory and takes its lock. Throws Error(already_exists)
    /// `container with given ID already exists`.
    [[nodiscard]] FileLock create(const std::string& id) const;
    /// Throws Error(not_found) `container does not exist`, also when it was removed while we waited.
    [[nodiscard]] FileLock lock(const std::string& id) const;
    /// Whether somebody is changing the container now.
    [[nodiscard]] bool locked(const std::string& id) const;

    void save(const ContainerRecord& record) const;
    /// `text` is a config.json, whose paths may be relative to the bundle.
    void save_config(const std::string& id, const std::string& text) const;
    /// nullopt when there is no record: no such container, or one whose `create` was killed at its first step.
    /// Throws Error for a record that can't be read.
    [[nodiscard]] std::optional<ContainerRecord> find(const std::string& id) const;
    /// Throws Error(not_found) `container does not exist` as well.
    [[nodiscard]] ContainerRecord load(const std::string& id) const;
    /// Throws Error(conflict) for a container whose `create` was killed half-way.
    [[nodiscard]] OciConfig load_config(const std::string& id) const;
    /// The container's directory and all in it; missing is fine.
    void remove(const std::string& id) const;

    /// Sorted. Throws Error(not_found) when the root is missing.
    [[nodiscard]] std::vector<std::string> ids() const;
    [[nodiscard]] bool exists() const;
    [[nodiscard]] bool has(const std::string& id, const std::string& name) const;  ///< a file of it
    [[nodiscard]] bool has_directory(const std::string& id) const;
    [[nodiscard]] std::string file(const std::string& id, const std::string& name) const;
    [[nodiscard]] const std::string& root() const { return root_; }

  private:
    std::string root_;
};

}  // namespace stack::oci
