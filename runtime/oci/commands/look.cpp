// state, list, ps: what there is.
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/container_status.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using Json = nlohmann::ordered_json;

void print(const std::string& text) {
    write_all(STDOUT_FILENO, text, "standard output");
}

bool wants_json(const Arguments& arguments) {
    const std::string format = arguments.has("format") ? arguments.text("format") : "table";
    if (format != "json" && format != "table")
        throw Error{ErrorKind::invalid_input,
                    fmt::format("invalid format option \"{}\": table or json", format)};
    return format == "json";
}

// As the host's own file has it: asking libc would load the modules of its name services.
std::string user_name(uid_t uid) {
    const std::string number = std::to_string(uid);
    for (const std::string& line : split(read_file_if_exists("/etc/passwd").value_or(""), '\n'))
        if (const std::vector<std::string> fields = split(line, ':');
            fields.size() > 2 && fields[2] == number)
            return fields[0];
    return "#" + number;
}

// Who made the container: the owner of its directory.
std::string owner_of(const StateStore& store, const std::string& id) {
    struct stat info {};
    if (::stat(store.file(id, "").c_str(), &info) != 0) return "";
    return user_name(info.st_uid);
}

Json state_json(Program& program, const ContainerRecord& record) {
    const Status status = observe(program.store, record, program.cgroups()).status;
    Json document = {{"ociVersion", record.oci_version},
                     {"id", record.id},
                     {"pid", status == Status::stopped ? 0 : record.pid},
                     {"status", status_name(status)},
                     {"bundle", record.bundle},
                     {"rootfs", record.rootfs},
                     {"created", record.created}};
    if (!record.annotations.empty()) document["annotations"] = record.annotations;
    document["owner"] = owner_of(program.store, record.id);
    return document;
}

// A container that is removed while we look is no failure of `list`.
std::vector<Json> all_states(Program& program) {
    std::vector<Json> states;
    if (!program.globals.root_given && !program.store.exists()) return states;
    for (const std::string& id : program.store.ids()) {
        try {
            states.push_back(state_json(program, program.store.load(id)));
        } catch (const Error& error) {
            if (program.store.has_directory(id)) program.log.error(error.what());
        }
    }
    return states;
}

// Go's tabwriter as runc uses it: cells at least 12 wide, three spaces between columns.
std::string table_text(const std::vector<std::array<std::string, 6>>& rows) {
    std::array<std::size_t, 6> widths{};
    for (const auto& row : rows)
        for (std::size_t i = 0; i + 1 < row.size(); ++i)
            widths[i] = std::max({widths[i], row[i].size() + 3, std::size_t{12}});
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) text += fmt::format("{:<{}}", row[i], widths[i]);
        text += '\n';
    }
    return text;
}

std::vector<pid_t> processes_of_container(Program& program, const ContainerRecord& record) {
    const std::optional<Cgroup> cgroup = find_cgroup(record, program.cgroups());
    if (cgroup) return cgroup->processes();
    if (const std::optional<ProcessHandle> init = find_init(record)) return {init->pid()};
    return {};
}

std::string find_ps() {
    for (const char* path : {"/usr/bin/ps", "/bin/ps"})
        if (::access(path, X_OK) == 0) return path;
    throw Error{ErrorKind::not_found, "this host has no ps program"}.with_hint(
        "install procps, or use --format json");
}

// The lines of the host's ps whose PID column names one of `pids`, and the headings.
std::string filter_ps(const std::string& output, const std::vector<pid_t>& pids) {
    const auto columns_of = [](const std::string& line) {
        std::vector<std::string> columns = split(line, ' ');
        std::erase(columns, "");
        return columns;
    };
    const std::vector<std::string> lines = split(output, '\n');
    const std::vector<std::string> headings = columns_of(lines.front());
    const auto column =
        static_cast<std::size_t>(std::find(headings.begin(), headings.end(), "PID") - headings.begin());
    if (column == headings.size())
        throw Error{ErrorKind::invalid_input, "ps shows no PID column with these arguments"};
    std::string text = lines.front() + "\n";
    for (const std::string& line : lines) {
        const std::vector<std::string> columns = columns_of(line);
        if (columns.size() <= column) continue;
        const std::optional<long long> pid = parse_int(columns[column]);
        if (pid && std::find(pids.begin(), pids.end(), static_cast<pid_t>(*pid)) != pids.end())
            text += line + "\n";
    }
    return text;
}

}  // namespace

int run_state(Program& program, const Arguments& arguments) {
    const Json state = state_json(program, program.store.load(arguments.words[0]));
    print(state.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return 0;
}

int run_list(Program& program, const Arguments& arguments) {
    const bool json = wants_json(arguments);
    const std::vector<Json> states = all_states(program);
    if (arguments.on("quiet")) {
        for (const Json& state : states) print(state["id"].get<std::string>() + "\n");
    } else if (json) {
        print(Json(states).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    } else {
        std::vector<std::array<std::string, 6>> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
        for (const Json& state : states)
            rows.push_back({state["id"], std::to_string(state["pid"].get<pid_t>()), state["status"],
                            state["bundle"], state["created"], state["owner"]});
        print(table_text(rows));
    }
    return 0;
}

int run_ps(Program& program, const Arguments& arguments) {
    const bool json = wants_json(arguments);
    const ContainerRecord record = program.store.load(arguments.words[0]);
    const std::vector<pid_t> pids = processes_of_container(program, record);
    if (json) {
        print(Json(pids).dump() + "\n");
        return 0;
    }
    SpawnOptions ps;
    ps.argv = {find_ps()};
    ps.argv.insert(ps.argv.end(), arguments.words.begin() + 1, arguments.words.end());
    if (ps.argv.size() == 1) ps.argv.emplace_back("-ef");
    ps.fds = {-1, -1, -1};
    const CommandResult result = run_command(ps);
    if (result.exit_code != 0) throw Error{ErrorKind::failed, fmt::format("ps failed: {}", trim(result.err))};
    print(filter_ps(result.out, pids));
    return 0;
}

}  // namespace stack::oci
