// A seccomp profile of somebody else's (`linux.seccomp`, or a profile file) as a program for the kernel, by libseccomp, which
// knows each architecture's numbers. The project's own profile has a faster compiler: seccomp.hpp.
//
// As runc does: names that nobody knows are left out (they are of another kernel; as are conditions
// on calls that only this program knows), rules that repeat the default action
// too, several conditions on one argument are alternatives (libseccomp has no other way), and where the default is a
// refusal, calls younger than all that the profile names get ENOSYS, so that a newer libc falls back.
#pragma once

#include "runtime/container_spec.hpp"
#include "runtime/init_program.hpp"

#include <cstdint>
#include <vector>

namespace stack {

struct SeccompFilter {
    std::vector<BpfInstruction> code;
    std::uint32_t flags = 0;  ///< SECCOMP_FILTER_FLAG_…
    bool notifies = false;    ///< some call asks the listener: it is installed with a listening descriptor
};

/// Whether a rule or the default asks a listener; cheap, and true too when its calls turn out to be of other kernels.
bool asks_listener(const SeccompProfile& profile);

/// Throws Error(invalid_input) for a word that does not exist or values that can't be, Error(not_supported) for a
/// filter beyond the kernel's 4096 instructions.
SeccompFilter compile_profile(const SeccompProfile& profile);

}  // namespace stack
