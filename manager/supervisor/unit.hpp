// One container under supervision: its records, its machine, and what is awaited of it. The supervisor feeds events
// and carries out actions; this is the state in between.
#pragma once

#include "manager/engine/project_store.hpp"
#include "manager/supervisor/service_machine.hpp"

#include <cstdint>
#include <exception>
#include <optional>

namespace stack::supervisor {

struct Unit {
    engine::ContainerRecord record;
    engine::ContainerState state;
    MachineSettings settings;
    MachineState machine;
    std::optional<TimePoint> timer;   ///< the machine's one timer
    std::uint64_t launches = 0;       ///< times its process has run since we look
    std::uint64_t failures = 0;       ///< times a launch failed
    std::exception_ptr last_failure;  ///< of the last failed launch
    std::optional<pid_t> probe_pid;   ///< running health probe
    std::uint64_t probe = 0;          ///< its number
    bool removed = false;             ///< tasks that still hold the unit do nothing more

    [[nodiscard]] bool live() const { return machine.phase != Phase::down; }
};

}  // namespace stack::supervisor
