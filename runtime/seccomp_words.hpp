// The words of `linux.seccomp` (config-linux.md, "Seccomp") and what they stand for: actions, operators, architectures,
// filter flags; and the numbers of system calls by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

struct SeccompWord {
    std::string_view name;
    std::uint32_t value = 0;
};

/// SCMP_ACT_…, by libseccomp's values; those with an errno have it in the low 16 bits, which are 0 here.
const std::vector<SeccompWord>& seccomp_actions();
/// SCMP_CMP_…
const std::vector<SeccompWord>& seccomp_operators();
/// SCMP_ARCH_…, by the kernel's AUDIT_ARCH values.
const std::vector<SeccompWord>& seccomp_architectures();
/// SECCOMP_FILTER_FLAG_… that a profile may ask for.
const std::vector<SeccompWord>& seccomp_flags();

/// Throws Error(invalid_input) that names `what` and the nearest known word.
std::uint32_t seccomp_word(const std::vector<SeccompWord>& words, std::string_view what,
                           std::string_view name);

/// Youngest system call that this program knows by name.
inline constexpr int kLastKnownSyscall = 467;

/// Number on this architecture (AUDIT_ARCH); nullopt when it has no such call.
std::optional<int> syscall_number(std::uint32_t architecture, const std::string& name);
/// Number of a call that is younger than libseccomp's names, the same on all architectures without an offset of their own.
std::optional<int> young_syscall_number(std::string_view name);
/// All names that are known for this architecture, sorted.
std::vector<std::string> syscall_names(std::uint32_t architecture);

}  // namespace stack
