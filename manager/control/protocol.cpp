#include "manager/control/protocol.hpp"

#include "manager/compose/model_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::control {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// Reads members of one object; a wrong type names the member.
class Reader {
  public:
    explicit Reader(const json& object) : object_{object} {
        if (!object.is_object()) throw Error{ErrorKind::invalid_input, "expected a JSON object"};
    }

    template <class T>
    void read(const char* name, T& into) const {
        const auto found = object_.find(name);
        if (found == object_.end() || found->is_null()) return;
        try {
            found->get_to(into);
        } catch (const json::exception&) {
            throw Error{ErrorKind::invalid_input, fmt::format("'{}' has the wrong type", name)};
        }
    }
    template <class T>
    void require(const char* name, T& into) const {
        if (!object_.contains(name))
            throw Error{ErrorKind::invalid_input, fmt::format("'{}' is missing", name)};
        read(name, into);
    }
    void read(const char* name, std::optional<nanoseconds>& into) const {
        if (!object_.contains(name)) return;
        std::int64_t count = 0;
        read(name, count);
        if (count < 0 || count > nanoseconds::max().count() / 1'000'000)
            throw Error{ErrorKind::invalid_input, fmt::format("'{}' is out of range", name)};
        into = milliseconds{count};
    }
    [[nodiscard]] const json* find(const char* name) const {
        const auto found = object_.find(name);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }

  private:
    const json& object_;
};

json parse_object(std::string_view text) {
    json value = json::parse(text, nullptr, false);
    if (value.is_discarded()) throw Error{ErrorKind::invalid_input, "not valid JSON"};
    return value;
}

void put_duration(json& object, const char* name, const std::optional<nanoseconds>& value) {
    if (value) object[name] = std::chrono::duration_cast<milliseconds>(*value).count();
}

/// Strings may hold any bytes of an argv or a file name; invalid UTF-8 must not make dump() throw.
std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json options_json(const plan::SelectOptions& options) {
    json result{{"services", options.services}, {"no_deps", options.no_deps}, {"signal", options.signal}};
    put_duration(result, "timeout_ms", options.timeout);
    return result;
}

std::optional<compose::Project> read_project(const Reader& reader) {
    const json* project = reader.find("project");
    if (!project) return std::nullopt;
    return compose::project_from_json(*project);
}

const json& options_of(const Reader& reader) {
    static const json none = json::object();
    const json* options = reader.find("options");
    return options ? *options : none;
}

json summary_json(const ContainerSummary& c) {
    return {{"name", c.name},     {"id", c.id},         {"service", c.service},
            {"number", c.number}, {"status", c.status}, {"exit_code", c.exit_code},
            {"health", c.health}};
}

ContainerSummary read_summary(const json& value) {
    const Reader reader{value};
    ContainerSummary c;
    reader.require("name", c.name);
    reader.read("id", c.id);
    reader.read("service", c.service);
    reader.read("number", c.number);
    reader.read("status", c.status);
    reader.read("exit_code", c.exit_code);
    reader.read("health", c.health);
    return c;
}

json summaries_json(const std::vector<ContainerSummary>& containers) {
    json list = json::array();
    for (const ContainerSummary& container : containers) list.push_back(summary_json(container));
    return list;
}

std::vector<ContainerSummary> read_summaries(const Reader& reader) {
    std::vector<ContainerSummary> containers;
    if (const json* list = reader.find("containers"))
        for (const json& item : *list) containers.push_back(read_summary(item));
    return containers;
}

json event_json(const ProgressEvent& e) {
    return {{"event", "progress"}, {"resource", e.resource}, {"status", e.status}, {"detail", e.detail}};
}
json event_json(const WarningEvent& e) {
    return {{"event", "warning"}, {"message", e.message}};
}
json event_json(const ResultEvent& e) {
    json result{{"event", "result"}, {"ok", e.ok}, {"exit_code", e.exit_code}};
    for (const Error& error : e.errors) result["errors"].push_back(error_to_json(error));
    return result;
}
json event_json(const SnapshotEvent& e) {
    return {{"event", "snapshot"}, {"containers", summaries_json(e.containers)}};
}
json event_json(const ContainerEvent& e) {
    json result{{"event", "container"}, {"action", e.action}, {"container", e.container}, {"id", e.id},
                {"service", e.service}, {"number", e.number}, {"time_ns", e.time_ns}};
    if (e.action == "die") {
        result["exit_code"] = e.exit_code;
        result["restarting"] = e.restarting;
    }
    if (!e.health.empty()) result["health"] = e.health;
    return result;
}

ResultEvent read_result(const Reader& reader) {
    ResultEvent e;
    reader.require("ok", e.ok);
    e.exit_code = e.ok ? 0 : 1;
    reader.read("exit_code", e.exit_code);
    if (const json* errors = reader.find("errors"))
        for (const json& error : *errors) e.errors.push_back(error_from_json(error));
    return e;
}

ContainerEvent read_container_event(const Reader& reader) {
    ContainerEvent e;
    reader.require("action", e.action);
    reader.require("container", e.container);
    reader.read("id", e.id);
    reader.read("service", e.service);
    reader.read("number", e.number);
    reader.read("exit_code", e.exit_code);
    reader.read("restarting", e.restarting);
    reader.read("health", e.health);
    reader.read("time_ns", e.time_ns);
    return e;
}

}  // namespace

std::string to_json(const UpRequest& request) {
    const plan::UpOptions& o = request.options;
    json options{{"services", o.services},
                 {"scale", o.scale},
                 {"force_recreate", o.force_recreate},
                 {"no_recreate", o.no_recreate},
                 {"no_deps", o.no_deps},
                 {"remove_orphans", o.remove_orphans},
                 {"ignore_orphans", o.ignore_orphans},
                 {"start", o.start},
                 {"wait", request.wait},
                 {"parallel", request.parallel}};
    put_duration(options, "timeout_ms", o.timeout);
    put_duration(options, "wait_timeout_ms", request.wait_timeout);
    return dump({{"project", compose::to_json(request.project)}, {"options", options}});
}

std::string to_json(const DownRequest& request) {
    const plan::DownOptions& o = request.options;
    json options{{"services", o.services},
                 {"volumes", o.volumes},
                 {"remove_orphans", o.remove_orphans},
                 {"parallel", request.parallel}};
    put_duration(options, "timeout_ms", o.timeout);
    json body{{"options", options}};
    if (request.project) body["project"] = compose::to_json(*request.project);
    return dump(body);
}

std::string to_json(const SelectRequest& request) {
    json options = options_json(request.options);
    options["parallel"] = request.parallel;
    json body{{"options", std::move(options)}};
    if (request.project) body["project"] = compose::to_json(*request.project);
    return dump(body);
}

std::string to_json(const ExecRequest& r) {
    return dump({{"service", r.service},
                 {"container", r.container},
                 {"index", r.index},
                 {"argv", r.argv},
                 {"env", r.env},
                 {"user", r.user},
                 {"workdir", r.workdir},
                 {"tty", r.tty},
                 {"detach", r.detach},
                 {"privileged", r.privileged},
                 {"rows", r.rows},
                 {"cols", r.cols}});
}

std::string to_json(const StreamEvent& event) {
    return dump(std::visit([](const auto& e) { return event_json(e); }, event));
}

std::string to_json(const Event& event) {
    return dump(std::visit([](const auto& e) { return event_json(e); }, event));
}

std::string to_json(const ProjectSummary& s) {
    return dump({{"name", s.name},
                 {"working_dir", s.working_dir},
                 {"files", s.files},
                 {"containers", summaries_json(s.containers)}});
}

UpRequest parse_up_request(std::string_view text) {
    const json value = parse_object(text);
    const Reader reader{value};
    UpRequest request;
    std::optional<compose::Project> project = read_project(reader);
    if (!project) throw Error{ErrorKind::invalid_input, "'project' is missing"};
    request.project = std::move(*project);
    const Reader options{options_of(reader)};
    plan::UpOptions& o = request.options;
    options.read("services", o.services);
    options.read("scale", o.scale);
    options.read("force_recreate", o.force_recreate);
    options.read("no_recreate", o.no_recreate);
    options.read("no_deps", o.no_deps);
    options.read("remove_orphans", o.remove_orphans);
    options.read("ignore_orphans", o.ignore_orphans);
    options.read("start", o.start);
    options.read("timeout_ms", o.timeout);
    options.read("wait", request.wait);
    options.read("wait_timeout_ms", request.wait_timeout);
    options.read("parallel", request.parallel);
    return request;
}

DownRequest parse_down_request(std::string_view text) {
    const json value = parse_object(text);
    const Reader reader{value};
    DownRequest request;
    request.project = read_project(reader);
    const Reader options{options_of(reader)};
    options.read("services", request.options.services);
    options.read("volumes", request.options.volumes);
    options.read("remove_orphans", request.options.remove_orphans);
    options.read("timeout_ms", request.options.timeout);
    options.read("parallel", request.parallel);
    return request;
}

SelectRequest parse_select_request(std::string_view text) {
    const json value = parse_object(text);
    const Reader reader{value};
    SelectRequest request;
    request.project = read_project(reader);
    const Reader options{options_of(reader)};
    options.read("services", request.options.services);
    options.read("no_deps", request.options.no_deps);
    options.read("signal", request.options.signal);
    options.read("timeout_ms", request.options.timeout);
    options.read("parallel", request.parallel);
    return request;
}

ExecRequest parse_exec_request(std::string_view text) {
    const json value = parse_object(text);
    const Reader reader{value};
    ExecRequest r;
    reader.read("service", r.service);
    reader.read("container", r.container);
    reader.read("index", r.index);
    reader.require("argv", r.argv);
    reader.read("env", r.env);
    reader.read("user", r.user);
    reader.read("workdir", r.workdir);
    reader.read("tty", r.tty);
    reader.read("detach", r.detach);
    reader.read("privileged", r.privileged);
    reader.read("rows", r.rows);
    reader.read("cols", r.cols);
    if (r.service.empty() && r.container.empty())
        throw Error{ErrorKind::invalid_input, "'service' or 'container' is missing"};
    if (r.argv.empty()) throw Error{ErrorKind::invalid_input, "'argv' is empty"};
    return r;
}

StreamEvent parse_stream_event(std::string_view text) {
    const json value = parse_object(text);
    const Reader reader{value};
    std::string kind;
    reader.require("event", kind);
    if (kind == "progress") {
        ProgressEvent e;
        reader.require("resource", e.resource);
        reader.require("status", e.status);
        reader.read("detail", e.detail);
        return e;
    }
    if (kind == "warning") {
        WarningEvent e;
        reader.require("message", e.message);
        return e;
    }
    if (kind == "result") return read_result(reader);
    throw Error{ErrorKind::invalid_input, fmt::format("unknown event '{}'", kind)};
}

Event parse_event(std::string_view text) {
    const json value = parse_object(text);
    const Reader reader{value};
    std::string kind;
    reader.require("event", kind);
    if (kind == "snapshot") return SnapshotEvent{read_summaries(reader)};
    if (kind == "container") return read_container_event(reader);
    throw Error{ErrorKind::invalid_input, fmt::format("unknown event '{}'", kind)};
}

ProjectSummary parse_project_summary(std::string_view text) {
    const json value = parse_object(text);
    const Reader reader{value};
    ProjectSummary s;
    reader.require("name", s.name);
    reader.read("working_dir", s.working_dir);
    reader.read("files", s.files);
    s.containers = read_summaries(reader);
    return s;
}

json error_to_json(const Error& error) {
    json value{{"kind", kind_name(error.kind())}, {"message", error.message()}, {"context", error.context()}};
    if (!error.hint().empty()) value["hint"] = error.hint();
    if (error.position())
        value["position"] = {{"file", error.position()->file},
                             {"line", error.position()->line},
                             {"column", error.position()->column}};
    return value;
}

Error error_from_json(const json& value) {
    const Reader reader{value};
    std::string kind, message, hint;
    std::vector<std::string> context;
    reader.read("kind", kind);
    reader.require("message", message);
    reader.read("context", context);
    reader.read("hint", hint);
    Error error{kind_from_name(kind), std::move(message)};
    for (auto it = context.rbegin(); it != context.rend(); ++it) error.add_context(*it);
    if (!hint.empty()) error.with_hint(std::move(hint));
    if (const json* place = reader.find("position")) {
        const Reader fields{*place};
        SourcePosition position;
        fields.require("file", position.file);
        fields.read("line", position.line);
        fields.read("column", position.column);
        error.at(std::move(position));
    }
    return error;
}

}  // namespace stack::control
