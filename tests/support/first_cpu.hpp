// A CPU for tests that bind something to one.
#pragma once

#include "runtime/base/error.hpp"

#include <sched.h>

namespace stack::test {

/// The first one that this process may run on: in a container or a virtual machine that need not be 0.
inline int first_cpu() {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) throw_errno("ask for the allowed CPUs");
    int cpu = 0;
    while (!CPU_ISSET(cpu, &allowed)) ++cpu;
    return cpu;
}

}  // namespace stack::test
