// Profile files in Docker's format (moby profiles/seccomp, also containers-common's): linux.seccomp of config.json with
// conditions on capabilities, architectures and kernels. Reading one decides the conditions, so that what comes out is
// complete. The file may be anybody's: everything in it is checked.
#pragma once

#include "runtime/container_spec.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace stack {

/// What the conditions of a profile file are judged by.
struct SeccompFileHost {
    std::uint64_t capabilities = 0;  ///< the container's bounding set, by bit
    std::string architecture;        ///< SCMP_ARCH_… of the host
    std::string kernel_release;      ///< uname(2): `6.1.0-13-amd64`
};

/// This machine, for a container with these capabilities.
SeccompFileHost seccomp_file_host(std::uint64_t capabilities);

/// `file` is its name for errors. Throws Error(invalid_input) at file:line:column for what is no JSON, and with the path
/// of the field (`syscalls[3].args[0].op`) for what is no profile.
SeccompProfile parse_seccomp_file(std::string_view text, const std::string& file,
                                  const SeccompFileHost& host);

/// The same from a regular file of at most 4 MiB. Throws Error(not_found, permission, invalid_input).
SeccompProfile read_seccomp_file(const std::string& path, const SeccompFileHost& host);

}  // namespace stack
