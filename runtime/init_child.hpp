// The child's side of a start: carries out an InitProgram between clone and exec.
//
// Only async-signal-safe system calls: no allocation, no locks, no logging, no exceptions, no libc that keeps state about
// threads or users. What goes wrong is sent to the parent as a ChildReport; the parent has the program still and turns the
// step's index into a sentence (launch_error.hpp). The channel closes by itself on exec.
#pragma once

#include "runtime/init_program.hpp"
#include "runtime/seccomp_listener.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace stack {

/// One message of the child, of fixed size up to `text`. The channel is a SOCK_SEQPACKET pair of our own making.
struct ChildReport {
    enum class Kind : std::uint32_t {
        at_gate = 1,
        executing = 2,
        failed = 3,
        at_hooks = 4,
        respawned = 6,  ///< with the pidfd of the process that goes on in this one's place
        starting = 5,   ///< to whoever has opened the gate: from here on an end of the channel is a failure
    };
    static constexpr std::size_t kTextSize = 2048;
    Kind kind{};
    std::uint32_t step = 0;
    std::int32_t error = 0;    ///< errno
    std::uint32_t detail = 0;  ///< FailureDetail, or UserProblem for ResolveUser
    std::uint32_t extra = 0;   ///< index of the item that failed
    std::uint32_t text_size = 0;
    /// Behind the text, on the connection of a start socket: the step's InitProgram::failure_words.
    char text[kTextSize] = {};  ///< the path, the kernel's own words, or the head of a file that exec refused
};

enum class FailureDetail : std::uint32_t {
    none,
    opening_path,         ///< text: the path
    making_directory,     ///< text: the path
    making_file,          ///< text: the path
    filesystem_option,    ///< extra: which; text: the kernel's words
    creating_filesystem,  ///< text: the kernel's words
    wrong_kind,           ///< it is not the device or file system that it must be
    wrong_file_type,      ///< directory over file or the other way round
    unreachable_directory,
    no_interpreter,  ///< the program exists; text: its first bytes
    not_executable,  ///< extra: index of the candidate
    command_not_found,
    copying,      ///< text: the name
    hook_status,  ///< extra: the raw wait status; text: what it said
    hook_timeout,
};

/// What the child answers to and is given; all of it prepared before the clone.
struct ChildInput {
    const InitProgram* program = nullptr;
    int* fds = nullptr;         ///< by slot
    int channel = -1;           ///< above 2, close-on-exec
    const int* keep = nullptr;  ///< sorted, unique, above 2: what CloseInherited spares
    std::size_t keep_count = 0;
    char** argv = nullptr;  ///< with one more place in front for stack-init
    char** env = nullptr;
    char** home_entry = nullptr;  ///< place in `env` for HOME, or null
    char* scratch = nullptr;  ///< lines, and the state document with its word in front; aligned for pointers
    std::size_t scratch_size = 0;
    const SharedText::Content* agent_text = nullptr;  ///< with the slot "agent"; complete when the gate opens
    std::uint64_t* times =
        nullptr;  ///< shared with the parent: CLOCK_MONOTONIC after each step, one more for the start
};

[[noreturn]] void run_init_program(const ChildInput& input) noexcept;

}  // namespace stack
