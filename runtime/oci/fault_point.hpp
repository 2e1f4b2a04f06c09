// Places between two steps of a command, at which a test ends the program as SIGKILL would: whatever was done by then has to
// be complete or removable by `delete --force`. They exist in the program stack-runtime-faulty only.
//
//   STACK_FAULT=NAME       the program kills itself at the point of that name
//   STACK_FAULT_LOG=FILE   the names of the points that are passed, a line each, are appended to the file
#pragma once

namespace stack::oci {

#ifdef STACK_FAULT_POINTS
void fault_point(const char* name);
#else
inline void fault_point(const char*) {}
#endif

}  // namespace stack::oci
