// The control API, version 1, as values: what clients send and what the supervisor streams back, with JSON
// both ways. Client and server share it; schemas/control.schema.json describes the same for everybody else.
//
//   GET  /v1/version   GET /v1/project                     one JSON object
//   POST /v1/up|down|start|stop|restart|kill               200, chunked application/x-ndjson of StreamEvent;
//                                                          the last line is the result
//   GET  /v1/events                                        ndjson: a snapshot, then ContainerEvent for ever
//   POST /v1/exec  Upgrade: stack-exec                     101, then see ExecRequest
#pragma once

#include "manager/compose/model.hpp"
#include "manager/plan/planner.hpp"
#include "runtime/base/error.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace stack::control {

inline constexpr int kApiVersion = 1;

struct UpRequest {
    compose::Project project;
    plan::UpOptions options;
    bool wait = false;  ///< end only when every selected service is running, or healthy if it has a check
    std::optional<std::chrono::nanoseconds> wait_timeout;
    int parallel = 0;  ///< most operations at a time; 0: the supervisor's choice, -1: no limit
    bool operator==(const UpRequest&) const = default;
};

struct DownRequest {
    std::optional<compose::Project> project;  ///< absent: records alone decide
    plan::DownOptions options;
    int parallel = 0;  ///< as in UpRequest
    bool operator==(const DownRequest&) const = default;
};

/// Body of start, stop, restart and kill.
struct SelectRequest {
    std::optional<compose::Project> project;
    plan::SelectOptions options;
    int parallel = 0;  ///< as in UpRequest
    bool operator==(const SelectRequest&) const = default;
};

/// After the 101 answer the socket carries, from the client: one byte 'F' with three descriptors (stdin,
/// stdout, stderr of the new process; pipe ends made by the client) when `tty` is false, then JSON lines
/// {"signal":N}; from the server: {"event":"started","pid":N} (with tty the pty master comes along by
/// SCM_RIGHTS), and at last
/// {"event":"exit","code":N} or {"event":"error",…} as in ResultEvent::errors. Closing the socket changes
/// nothing for the process; a detached one ends the exchange with "started".
struct ExecRequest {
    std::string service;    ///< with `index`; or …
    std::string container;  ///< … a container's name
    int index = 0;          ///< replica number, 0: the lowest running one
    std::vector<std::string> argv;
    std::vector<std::string> env;  ///< K=V on top of the container's
    std::string user, workdir;     ///< empty: the container's
    bool tty = false, detach = false, privileged = false;
    std::uint16_t rows = 0, cols = 0;
    bool operator==(const ExecRequest&) const = default;
};

/// `Container shop-web-1` + `Creating`: one step of one resource. The words are those of the Compose command
/// line.
struct ProgressEvent {
    std::string resource, status, detail;
    bool operator==(const ProgressEvent&) const = default;
};

struct WarningEvent {
    std::string message;
    bool operator==(const WarningEvent&) const = default;
};

struct ResultEvent {
    bool ok = false;
    int exit_code = 0;
    std::vector<Error> errors;
};

using StreamEvent = std::variant<ProgressEvent, WarningEvent, ResultEvent>;

/// A container as `GET /v1/project` and the snapshot of `GET /v1/events` show it.
struct ContainerSummary {
    std::string name, id, service;
    int number = 1;
    std::string status;  ///< plan::status_word
    int exit_code = 0;
    std::string health;
    bool operator==(const ContainerSummary&) const = default;
};

struct ProjectSummary {
    std::string name, working_dir;
    std::vector<std::string> files;
    std::vector<ContainerSummary> containers;
    bool operator==(const ProjectSummary&) const = default;
};

/// Something happened to a container. `action`: create start die stop kill oom health_status restart destroy.
struct ContainerEvent {
    std::string action, container, id, service;
    int number = 1;
    int exit_code = 0;         ///< die
    bool restarting = false;   ///< die: a restart policy will bring it back
    std::string health;        ///< health_status
    std::int64_t time_ns = 0;  ///< since the epoch
    bool operator==(const ContainerEvent&) const = default;
};

struct SnapshotEvent {
    std::vector<ContainerSummary> containers;
    bool operator==(const SnapshotEvent&) const = default;
};

using Event = std::variant<SnapshotEvent, ContainerEvent>;

// JSON texts are single lines without the newline. The parse functions throw Error(invalid_input) that names
// the field that is missing or of the wrong type; unknown fields are ignored, so that versions may differ.
std::string to_json(const UpRequest& request);
std::string to_json(const DownRequest& request);
std::string to_json(const SelectRequest& request);
std::string to_json(const ExecRequest& request);
std::string to_json(const StreamEvent& event);
std::string to_json(const Event& event);
std::string to_json(const ProjectSummary& summary);
UpRequest parse_up_request(std::string_view text);
DownRequest parse_down_request(std::string_view text);
SelectRequest parse_select_request(std::string_view text);
ExecRequest parse_exec_request(std::string_view text);
StreamEvent parse_stream_event(std::string_view text);
Event parse_event(std::string_view text);
ProjectSummary parse_project_summary(std::string_view text);

/// {"kind","message","context":[…],"hint","position":{…}}: an Error, and back with nothing lost but the
/// errno.
nlohmann::json error_to_json(const Error& error);
Error error_from_json(const nlohmann::json& value);

}  // namespace stack::control
