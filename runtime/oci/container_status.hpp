// Whether a container is being made, waits, runs or has ended: seen from the kernel's objects, never from a record, so
// that it is right whatever was killed when.
//
//   status    observed
//   creating  no process yet, and somebody holds the container's lock
//   created   the process lives, and its start socket is there
//   running   the process lives, and the start socket is gone
//   paused    the process lives, and its cgroup is frozen
//   stopped   everything else
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/oci/state_store.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace stack::oci {

enum class Status { creating, created, running, paused, stopped };
std::string_view status_name(Status status);

struct Observed {
    Status status = Status::stopped;
    std::optional<ProcessHandle> init;  ///< while it lives
    [[nodiscard]] bool alive() const { return init.has_value(); }
};

/// The container's first process, if it lives. Throws Error.
std::optional<ProcessHandle> find_init(const ContainerRecord& record);
Observed observe(const StateStore& store, const ContainerRecord& record, const CgroupLayout& layout);

/// The state document of the runtime specification, as hooks get it (runtime.md, "State"); one line.
std::string state_document(const ContainerRecord& record, Status status);

}  // namespace stack::oci
