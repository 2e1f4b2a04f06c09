// Judges system calls by a compiled filter, as the kernel would.
#pragma once

#include "runtime/init_program.hpp"

#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

namespace stack::test {

/// Runs the instructions of classic BPF that filters here consist of; what the filter returns.
std::uint32_t run_filter(const std::vector<BpfInstruction>& program, const seccomp_data& data);

enum Verdict { allowed, eperm, enosys, other };
Verdict verdict(std::uint32_t action);

}  // namespace stack::test
