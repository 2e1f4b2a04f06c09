// How a process is scheduled, as steps: ioPriority, scheduler, execCPUAffinity of the specification's `process`. Private to
// the builders.
#pragma once

#include "runtime/program_builder.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack {

/// io_priority and scheduler. Throws Error(invalid_input) for words that the kernel has no number for.
void plan_scheduling(ProgramBuilder& builder, const ProcessSpec& process);

/// `0-3,7` by bit; nothing for an empty list. Throws Error(invalid_input).
std::vector<std::uint64_t> cpu_mask(const std::string& list);
/// Nothing for an empty list.
void plan_affinity(ProgramBuilder& builder, const std::string& cpus);

}  // namespace stack
