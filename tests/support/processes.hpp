// Which processes belong to a test, told by the unique directory they were started with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stack::test {

struct ProcessFacts {
    int pid = 0;
    std::string name;  ///< /proc/PID/comm
    std::vector<std::string> arguments;
};

/// Processes whose arguments, environment or mounts (a container's overlay) name `directory`, this one
/// excepted; by pid. All processes when `directory` is empty. Without zombies: they have ended, and how soon PID 1
/// collects those that fell to it is not ours to say (a parent of ours that forgets its children is listed itself).
std::vector<ProcessFacts> processes_of(std::string_view directory);

/// Whether a process catches `signal`, as the text of its /proc/PID/status tells. A PID 1 that does not yet ignores SIGTERM.
bool catches(std::string_view status, int signal);

}  // namespace stack::test
