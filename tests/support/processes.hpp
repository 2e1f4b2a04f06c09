// Which processes belong to a test, told by the unique directory they were started with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stack::test {

struct ProcessFacts {
    int pid = 0;
    std::string name;                    ///< /proc/PID/comm
    std::vector<std::string> arguments;  ///< empty for zombies
};

/// Processes whose arguments, environment or mounts (a container's overlay) name `directory`, this one
/// excepted; by pid. All processes when `directory` is empty.
std::vector<ProcessFacts> processes_of(std::string_view directory);

}  // namespace stack::test
