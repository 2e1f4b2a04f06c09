// A container's network namespace with its DNS sockets, as a value that is handed around.
#pragma once

#include "runtime/base/fd.hpp"

namespace stack::network {

/// What must outlive the process that made it: the keeper holds duplicates of all three.
struct EndpointNamespace {
    UniqueFd netns;    ///< the container process enters it
    UniqueFd dns_udp;  ///< bound to 127.0.0.11 inside; queries to port 53 are redirected there
    UniqueFd dns_tcp;  ///< listening
};

}  // namespace stack::network
