// Processes by pidfd, so that a recycled pid is never signalled.
#pragma once

#include "runtime/base/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stack {

/// A process that may or may not be ours: pidfd plus pid. Does not reap.
class ProcessHandle {
  public:
    ProcessHandle() = default;
    ProcessHandle(UniqueFd pidfd, pid_t pid) : pidfd_{std::move(pidfd)}, pid_{pid} {}
    /// nullopt when no such process exists or its start time differs (a recycled pid). Throws Error.
    static std::optional<ProcessHandle> open(pid_t pid,
                                             std::optional<std::uint64_t> start_time = std::nullopt);

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] int pidfd() const { return pidfd_.get(); }  ///< readable once the process has ended
    [[nodiscard]] bool valid() const { return pidfd_.valid(); }
    [[nodiscard]] bool alive() const;
    /// False when the process is gone already. Throws Error on EPERM and the like.
    bool signal(int number) const;

  private:
    UniqueFd pidfd_;
    pid_t pid_ = -1;
};

/// Field 22 of /proc/PID/stat: start time in clock ticks since boot; nullopt when the process is gone.
std::optional<std::uint64_t> process_start_time(pid_t pid);
/// This boot's id (/proc/sys/kernel/random/boot_id): records of another boot describe dead processes.
const std::string& boot_id();

/// What a spawned helper program gets. Descriptors listed in `fds` become fd 0, 1, 2, 3, … of the child
/// (-1 means /dev/null); everything else is closed.
struct SpawnOptions {
    std::vector<std::string> argv;                ///< argv[0] is the path; no PATH search
    std::optional<std::vector<std::string>> env;  ///< nullopt: inherited
    std::vector<int> fds;
    bool new_session = false;
    std::optional<std::string> working_dir;
    std::string program{};  ///< the path, when argv[0] is to be another name
};
/// fork+exec; an exec failure is reported here, not by the child. The caller reaps with `wait_for_exit`.
/// Throws Error.
ProcessHandle spawn(const SpawnOptions& options);
/// The raw wait status of our child. Blocks. Throws Error.
int wait_for_exit(const ProcessHandle& child);

/// Runs a helper to its end and captures both outputs (at most 16 MiB each). Throws Error when it can't be
/// started or runs longer than `timeout_ms` (it is killed then).
struct CommandResult {
    int exit_code = 0;  ///< 128+n when killed by signal n
    std::string out;
    std::string err;
};
CommandResult run_command(const SpawnOptions& options, int timeout_ms = 60000);

/// 0…255, or 128+n for a signal, as a shell shows a raw wait status.
int exit_code_of_status(int wait_status);

}  // namespace stack
