// The health check that holds for a container: the service's, filled up from the image's, with all defaults
// said.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace stack::plan {

struct ProbeSettings {
    std::vector<std::string> argv;  ///< CMD-SHELL is `/bin/sh -c …` here
    std::chrono::nanoseconds interval = std::chrono::seconds{30};
    std::chrono::nanoseconds timeout = std::chrono::seconds{30};
    std::chrono::nanoseconds start_period{0};
    std::chrono::nanoseconds start_interval = std::chrono::seconds{5};
    int retries = 3;
    bool operator==(const ProbeSettings&) const = default;
};

}  // namespace stack::plan
