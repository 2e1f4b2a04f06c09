// Waiting beside a process that we have started: its terminal is relayed, our signals are its signals, orphans of the
// container that fall to us are reaped.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/oci/notify_socket.hpp"
#include "runtime/oci/terminal_relay.hpp"

#include <signal.h>

namespace stack::oci {

/// All signals are blocked from construction on, so that none is lost before `wait`, and as before afterwards.
class Foreground {
  public:
    /// `subreaper`: processes of the container whose parent has ended become our children (prctl(2)). Throws Error.
    explicit Foreground(bool subreaper);
    ~Foreground();
    Foreground(const Foreground&) = delete;
    Foreground& operator=(const Foreground&) = delete;

    /// Until the child, which must be ours, has ended: its exit code, 128+n for signal n. Throws Error.
    /// `terminal` and `notify` may be null.
    int wait(const ProcessHandle& child, TerminalRelay* terminal, NotifyRelay* notify);

  private:
    UniqueFd signals_;
    sigset_t before_{};
};

}  // namespace stack::oci
