// The system call filter of containers: an allow-list by name, compiled to classic BPF in the parent.
//
// Two steps, both pure: `default_profile` decides for each name of the kernel's table what happens, depending on the
// capabilities the container has; `compile_filter` turns decisions into a program. The compiler is ours: system call
// numbers form few runs with the same decision, so a binary search over runs needs a fifth of the instructions that
// libseccomp emits per call, and the kernel's checking and translating of the filter is most of what seccomp costs at
// start. Names and numbers come from libseccomp.
//
// What is not allowed gets EPERM; what this profile has never heard of gets ENOSYS, so that a newer libc falls back.
// schemas/seccomp-default.json says the same in the format of profile files, for other programs and as a start for profiles
// of one's own; a test holds the two together. Profiles of others: seccomp_program.hpp.
#pragma once

#include "runtime/init_program.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stack {

enum class SyscallDecision : std::uint8_t {
    deny,    ///< EPERM
    absent,  ///< ENOSYS
    allow,
    // Allowed depending on an argument; see seccomp_compiler.cpp for each one's instructions.
    clone_without_namespaces,     ///< EPERM with any CLONE_NEW… flag
    unshare_without_namespaces,   ///< the same, with CLONE_NEWTIME
    usual_personality,            ///< PER_LINUX, PER_LINUX32, UNAME26, both, query
    ioctl_without_tty_injection,  ///< no TIOCSTI, no TIOCLINUX
    socket_without_vsock,         ///< AF_VSOCK talks to the hypervisor, past every network namespace
};

/// By system call name; what is not in the map does not exist (ENOSYS). `capabilities` is the bounding set, by bit.
std::map<std::string, SyscallDecision> default_profile(std::uint64_t capabilities);

/// For the native architecture and the 32-bit one it can run.
std::vector<BpfInstruction> compile_filter(const std::map<std::string, SyscallDecision>& profile);

/// The two above, kept per distinct set of capabilities that makes a difference, for the life of the process. Thread-safe.
const std::vector<BpfInstruction>& default_filter(std::uint64_t capabilities);

}  // namespace stack
