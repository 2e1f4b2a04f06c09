// The state document of a container, which hooks and seccomp agents are told (runtime-spec, runtime.md "State").
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>

namespace stack {

struct StateDocument {
    std::string oci_version = "1.3.0";
    std::string id;
    std::string_view status;  ///< creating, created, running, stopped
    pid_t pid = 0;            ///< 0 when stopped
    std::string bundle;       ///< absolute
    std::map<std::string, std::string> annotations;
};

/// JSON in one line. What is no UTF-8 is replaced.
std::string state_text(const StateDocument& state);

}  // namespace stack
