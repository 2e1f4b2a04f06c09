// The control API's meaning: requests of control_server turned into calls of the supervisor, answers streamed back.
// The words on the wire are those of control/protocol.hpp and schemas/control.schema.json.
#pragma once

#include "manager/control/control_server.hpp"
#include "manager/supervisor/supervisor.hpp"

namespace stack::supervisor {

/// Answers one request. `supervisor` must outlive the server.
control::Handler make_control_api(EventLoop& loop, Supervisor& supervisor);

}  // namespace stack::supervisor
