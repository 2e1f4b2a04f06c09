// Killing a program at a system call of one's choice: what a power cut is to a disk, for what a program has made by then.
#pragma once

#include <string>
#include <vector>

namespace stack::test {

struct TracedProgram {
    std::vector<std::string> argv;  ///< argv[0] is the path
    std::vector<std::string> env;
};

struct TracedEnd {
    int calls = 0;  ///< how many calls that may change something it has come to, the last one not carried out
    long killed_at = -1;  ///< number of the system call that it was killed at; -1: it ended by itself
    int exit_code = -1;   ///< then; 128+n for signal n
};

/// Runs the program by ptrace(2), its children untouched, and sends SIGKILL when it is about to make call number `nth` (from
/// 1) of those that may be seen from outside; the call doesn't happen. Streams are /dev/null. Throws Error.
TracedEnd run_until_call(const TracedProgram& program, int nth);

}  // namespace stack::test
