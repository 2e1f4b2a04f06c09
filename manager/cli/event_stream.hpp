// What happens to a project's containers, as a client sees it: the supervisor's event stream with its snapshot,
// connected again when a supervisor is replaced. Between two supervisors nothing is lost: what the new snapshot shows
// as ended is told as an end.
#pragma once

#include "manager/control/control_client.hpp"
#include "manager/control/protocol.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stack::cli {

class EventStream {
  public:
    explicit EventStream(std::string socket_path) : socket_path_{std::move(socket_path)} {}

    /// Connects if that is not done. False when nobody listens.
    bool connect();
    /// -1 while not connected.
    [[nodiscard]] int fd() const { return connection_ ? connection_->fd() : -1; }
    /// The snapshot of this connection has come: `containers` is what the supervisor knows.
    [[nodiscard]] bool synchronised() const { return connection_ && synchronised_; }
    /// Reads once. Snapshots become the `create`, `start` and `die` events that lead from what was known to what
    /// it shows. After the stream has ended `fd` is -1 and `connect` may be called again. Throws Error.
    std::vector<control::ContainerEvent> receive();

    /// The same for a snapshot from elsewhere: from records, when no supervisor is left.
    std::vector<control::ContainerEvent> take_snapshot(const control::SnapshotEvent& snapshot);

    /// Containers as known now, by id.
    [[nodiscard]] const std::map<std::string, control::ContainerSummary>& containers() const {
        return containers_;
    }
    /// Running, or a restart policy will bring it back.
    static bool lives(const control::ContainerSummary& container);

  private:
    void apply(const control::SnapshotEvent& snapshot, std::vector<control::ContainerEvent>& events);
    void apply(const control::ContainerEvent& event);

    std::string socket_path_;
    std::optional<control::ControlConnection> connection_;
    bool synchronised_ = false;
    std::map<std::string, control::ContainerSummary> containers_;
};

}  // namespace stack::cli
