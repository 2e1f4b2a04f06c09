// The supervisor's side of the keeper: what it inherits, what it asks to be held, which exits it hears of;
// and the start of a keeper. The protocol and its promises are in keeper_protocol.hpp.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// A child of the keeper ended: a container's PID 1, an exec, or an orphan of an earlier supervisor.
struct ExitRecord {
    std::uint64_t sequence = 0;  ///< rises by one, also over keepers (as long as the journal file lives)
    pid_t pid = -1;
    int wait_status = 0;       ///< raw; see exit_code_of_status
    std::int64_t time_ns = 0;  ///< CLOCK_REALTIME
    std::uint64_t start_time =
        0;  ///< field 22 of /proc/PID/stat: with the pid, the identity of the process; 0 unknown
    std::string boot_id;  ///< set by read_exit_journal only, as stack::boot_id() writes it
    bool operator==(const ExitRecord&) const = default;
};

class KeeperClient {
  public:
    /// `socket` is what the keeper gave this process.
    explicit KeeperClient(UniqueFd socket);
    /// Takes the socket named by $STACK_KEEPER_FD, makes it close-on-exec and removes the variable. nullopt
    /// when not started by a keeper.
    static std::optional<KeeperClient> from_environment();

    struct Held {
        std::string name;
        std::vector<UniqueFd> fds;
    };
    struct Inheritance {
        std::vector<Held> held;         ///< in no particular order
        std::vector<ExitRecord> exits;  ///< not acknowledged yet, by sequence
    };
    /// First call after the start, once. Blocks until the keeper has told all. Throws Error.
    Inheritance receive_inheritance();

    /// Asks the keeper to hold duplicates of 1…4 descriptors; an entry of this name is replaced. When this
    /// returns, they outlive us. Names: 1…63 bytes. Throws Error (the table is full, the keeper is gone).
    void hold(std::string_view name, std::span<const int> fds);
    /// Forgets an entry; unknown names are fine.
    void drop(std::string_view name);
    /// The exit is in our records: the keeper need not repeat it.
    void acknowledge(std::uint64_t sequence);
    /// Nothing is left: the keeper leaves (status 0) once this process has ended. Call last.
    void quit();

    /// Readable when `try_receive` has something, or the keeper is gone.
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// The next exit; nullopt when there is none now. Throws Error when the keeper is gone (kind `failed`).
    std::optional<ExitRecord> try_receive();

  private:
    UniqueFd socket_;
    std::set<std::string, std::less<>> names_;
    std::size_t max_entries_ = 0;  // the keeper says it in its greeting
};

/// How to start a project's keeper.
struct KeeperStart {
    std::string keeper_path;              ///< the stack-keeper program
    std::string journal_path;             ///< created when missing; its directory exists
    std::vector<std::string> supervisor;  ///< argv of the supervisor; argv[0] is a path
    std::string working_directory = "/";
    struct Held {
        std::string name;
        std::vector<int> fds;  ///< borrowed
    };
    std::vector<Held> held;  ///< held from the start (a lock, a socket)
    /// cgroup.procs of the cgroup v2 in which it is to live; -1: its starter's. Borrowed.
    int cgroup_processes = -1;
};
/// Starts a keeper in its own session with stdio on /dev/null, not as our child: it survives us, and init (or
/// the nearest subreaper) will reap it. Returns when it runs. Throws Error.
ProcessHandle start_keeper(const KeeperStart& start);

/// The records of a journal, oldest first; damaged ones are left out, a missing file is empty. Throws Error.
std::vector<ExitRecord> read_exit_journal(const std::string& path);

}  // namespace stack
