// The parent's side of a process between clone and exec: what PendingProcess holds. Private to launcher.cpp and
// pending_process.cpp.
//
//   state      meaning                                   what comes next
//   set-up     the child carries out its steps           at_hooks, at_gate, failed, or the channel ends (it was killed)
//   at hooks   it waits for `hooks_done`                 set-up
//   at gate    it waits for `release`                    executing, failed
//              with a start socket                       the channel ends; the rest is between others
//   executing  about to call execve                      the channel ends (exec has happened), or failed
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/init_program.hpp"
#include "runtime/launcher.hpp"
#include "runtime/net_devices.hpp"
#include "runtime/seccomp_listener.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace stack {

/// Time stamps that the child writes and the parent reads.
class SharedTimes {
  public:
    SharedTimes() = default;
    explicit SharedTimes(std::size_t count);  ///< Throws Error
    SharedTimes(SharedTimes&& other) noexcept;
    SharedTimes& operator=(SharedTimes&& other) noexcept;
    ~SharedTimes();
    [[nodiscard]] std::uint64_t* get() const { return times_; }

  private:
    std::uint64_t* times_ = nullptr;
    std::size_t size_ = 0;
};

std::uint64_t monotonic_now();

/// The message that lets the child go on from `point`. Throws Error(invalid_input) when the state is larger than a hook may
/// be given.
std::string sync_message(SyncPoint point, std::string_view state_json);

struct PendingProcess::State {
    InitProgram program;
    ProcessHandle handle;
    UniqueFd channel;
    std::optional<UniqueFd> terminal;
    UniqueFd joined_network;  ///< into which devices are moved; invalid: a new one of the child's
    std::unique_ptr<NetDeviceLoan> net_devices;
    SharedTimes times;
    std::optional<SharedText> agent_text;  ///< of a profile that notifies
    std::uint64_t cloned_at = 0;
    bool reaped_by_us = true;
    bool own_gate = true;  ///< no start socket
    bool at_hooks = false, at_gate = false, detached = false, executing = false, started = false,
         ended = false;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State();  ///< kills what has not come to exec

    /// The exit code of a child that has ended or is about to; nullopt when somebody else reaps it.
    std::optional<int> reap();
    void send(SyncPoint point, std::string_view state_json = {}) const;
    [[nodiscard]] bool readable(int timeout_ms) const;
    void wait_for_end_of_channel() const;
    /// Takes in what has arrived. Throws Error with the reason why the process did not start.
    void pump();

    /// Writes the maps of the child's user namespace and lets it go on.
    void write_id_maps() const;
    /// Moves the network devices that the container is to have, and lets the child go on. Call it when the last process of the
    /// set-up is there.
    void move_net_devices();
    /// Whether the process that was cloned first makes another one and ends.
    [[nodiscard]] bool respawns() const;

  private:
    void take_respawned(UniqueFd pidfd);
    void take_message();
    void end_of_channel();
};

}  // namespace stack
