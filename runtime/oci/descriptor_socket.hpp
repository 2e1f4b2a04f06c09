// Handing a descriptor to whoever listens on a Unix socket: the pty master of `--console-socket`, the pidfd of
// `--pidfd-socket`, the listener of a seccomp filter. One SCM_RIGHTS message that carries a name as its data.
#pragma once

#include "runtime/base/fd.hpp"

#include <string>
#include <string_view>

namespace stack::oci {

/// Throws Error naming `what`, `connect to the console socket /run/x: …`.
UniqueFd connect_to(const std::string& path, std::string_view what);
/// Connects, sends one message, closes. Throws Error.
void send_descriptor(const std::string& path, std::string_view what, int fd, std::string_view name);

}  // namespace stack::oci
