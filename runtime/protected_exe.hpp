// Keeps containers from writing to this program's file through /proc/PID/exe (CVE-2019-5736): a program that
// starts containers runs from a read-only detached clone of its mount, or from a sealed copy in memory where
// that can't be had.
#pragma once

#include "runtime/base/fd.hpp"

#include <string>
#include <vector>

namespace stack {

/// The running program, opened for execveat(fd, "", AT_EMPTY_PATH) such that no write can reach the file.
/// Throws Error.
UniqueFd protected_self_exe();
/// Any program file in that form. Throws Error.
UniqueFd protected_program(const std::string& path);
/// True when this process already runs from such a file.
bool runs_protected();
/// Replaces this process by the same program from a protected file. Returns only by throwing Error.
[[noreturn]] void exec_protected(const std::vector<std::string>& argv);

}  // namespace stack
