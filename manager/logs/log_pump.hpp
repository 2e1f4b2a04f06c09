// Moves containers' output from their pipes into log files: one thread, epoll and splice(2), no copy through
// this process. Killing this process at any instant loses and doubles nothing, as long as somebody else (the
// keeper) holds the pipes' read ends: the next pump gets the same descriptors and the same target, and goes
// on.
//
// Back-pressure: when the disk refuses (full, quota, I/O error) the bytes stay in the pipe, `trouble` is
// called once, and the pump tries again every half second; a container that goes on writing then waits in
// write(2), as with a full pipe. Nothing is dropped but whole old generations, by rotation. A slow file never
// delays other pumps' users: the thread is the pump's own. Format and promises of the files: log_files.hpp.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace stack::logs {

/// Where a container's output goes, and how much of it is kept: at most `max_size_bytes` × `max_files` (plus
/// the index).
struct LogTarget {
    std::string directory;  ///< exists
    std::string name;       ///< base name of the files, no slash
    std::uint64_t max_size_bytes = 16u << 20;
    unsigned max_files = 5;
};

/// What a container writes to. Either `out` and `err` (read ends of pipes; each may be absent), or a
/// terminal.
struct LogStreams {
    UniqueFd out;
    UniqueFd err;
    UniqueFd terminal;   ///< pty master; needs `terminal_pipe`
    Pipe terminal_pipe;  ///< both ends, held by the keeper too: bytes between the pty and the file rest here
};

class LogPump {
  public:
    /// Both are called on the pump's thread: post to your loop. `finished`: every stream of `id` has ended
    /// and all its bytes and end marks are in the files. `trouble`: writing fails for now; told once for each
    /// run of failures.
    using Finished = std::function<void(const std::string& id)>;
    using Trouble = std::function<void(const std::string& id, const Error& error)>;

    explicit LogPump(Finished finished, Trouble trouble = {});
    /// Stops the thread where it stands; what is still in the pipes stays there.
    ~LogPump();
    LogPump(const LogPump&) = delete;
    LogPump& operator=(const LogPump&) = delete;

    /// Opens (or goes on with) the files and starts pumping. From any thread. Throws Error when the files
    /// can't be opened or `id` is pumped already.
    void add(const std::string& id, const LogTarget& target, LogStreams streams);
    /// Ends pumping of `id` after moving what is in its pipes now; no end mark, no `finished`. Unknown ids
    /// are fine. Returns when it is done.
    void remove(const std::string& id);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A pipe as containers should get it for output: close-on-exec, with a large buffer where the kernel allows
/// it.
Pipe make_log_pipe();

}  // namespace stack::logs
