// sd_notify(3) through a container's wall: a socket of the container's own, whose READY=1 is passed on to the socket that
// NOTIFY_SOCKET names, with the container's pid as MAINPID. Nothing else of what the container says is believed.
//
// The socket lies in `<state>/notify`, which is mounted at /run/notify. `create` mounts the directory, `start` makes the
// socket in it, so that whoever relays is the one who listens.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/container_spec.hpp"

#include <optional>
#include <string>

namespace stack::oci {

/// What NOTIFY_SOCKET names in our own environment; empty: nobody waits.
std::string notify_socket_of_caller();

/// Makes `directory` and adds its mount and the variable to the container's configuration. Throws Error.
void add_notify_mount(ContainerSpec& spec, const std::string& directory);

class NotifyRelay {
  public:
    /// Listens in `directory`. Throws Error.
    NotifyRelay(const std::string& directory, std::string caller_socket);
    [[nodiscard]] int fd() const { return socket_.get(); }
    /// Takes in what has arrived; true once READY=1 has been passed on. Never blocks. Throws Error.
    bool relay(pid_t pid);
    /// Until READY=1 has been passed on or the container has ended.
    void wait_for_ready(const ProcessHandle& init);

  private:
    UniqueFd socket_;
    std::string caller_socket_;
    bool ready_ = false;
};

}  // namespace stack::oci
