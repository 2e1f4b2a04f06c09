// exec: one more process in a container.
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/oci/bundle.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/container_status.hpp"
#include "runtime/oci/descriptor_socket.hpp"
#include "runtime/oci/fault_point.hpp"
#include "runtime/oci/foreground.hpp"
#include "runtime/oci/new_container.hpp"
#include "runtime/user.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::oci {

namespace {

void add_capability(std::vector<std::string>& set, const std::string& name) {
    if (std::find(set.begin(), set.end(), name) == set.end()) set.push_back(name);
}

// Inheritable and ambient stay as they are: a set that grows there outlives a change of user (CVE-2022-29162).
void add_capabilities(CapabilitySets& sets, const std::vector<std::string>& names,
                      std::vector<std::string>& warnings) {
    for (const std::string& name : names) {
        const std::optional<int> number = capability_number(name);
        if (!number) {
            warnings.push_back(fmt::format("--cap: unknown capability \"{}\" is left out", name));
            continue;
        }
        const std::string& known = capability_names().at(static_cast<std::size_t>(*number));
        for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) add_capability(*set, known);
    }
}

// The container's own process, changed by flags.
ProcessSpec process_from_flags(ProcessSpec process, const Arguments& arguments,
                               std::vector<std::string>& warnings) {
    process.args.assign(arguments.words.begin() + 1, arguments.words.end());
    if (process.args.empty())
        throw Error{ErrorKind::invalid_input, "exec needs a command, or --process FILE"};
    process.terminal = arguments.on("tty");
    if (arguments.has("cwd")) process.cwd = arguments.text("cwd");
    for (const std::string& entry : arguments.texts("env")) {
        const std::string key = entry.substr(0, entry.find('=')) + "=";
        std::erase_if(process.env, [&](const std::string& other) { return other.starts_with(key); });
        process.env.push_back(entry);
    }
    if (arguments.has("user")) {
        process.user = arguments.text("user");
        process.additional_gids.clear();
    }
    for (const std::string& gid : arguments.texts("additional-gids")) {
        const std::optional<std::uint32_t> number = parse_id(gid);
        if (!number)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("--additional-gids: \"{}\" is no group number", gid)};
        // With `--user` the groups are found out inside, and these join them.
        if (process.user.empty())
            process.additional_gids.push_back(*number);
        else
            process.group_add.push_back(gid);
    }
    add_capabilities(process.capabilities, arguments.texts("cap"), warnings);
    if (arguments.has("no-new-privs")) process.no_new_privileges = arguments.on("no-new-privs");
    if (arguments.has("process-label")) process.selinux_label = arguments.text("process-label");
    if (arguments.has("apparmor")) process.apparmor_profile = arguments.text("apparmor");
    return process;
}

ProcessSpec wanted_process(Program& program, const ProcessSpec& of_container, const Arguments& arguments) {
    std::vector<std::string> warnings;
    ProcessSpec process = arguments.has("process")
                              ? read_process_document(read_file(arguments.text("process")), warnings)
                              : process_from_flags(of_container, arguments, warnings);
    drop_impossible_ambient(process.capabilities, warnings);
    program.log.warnings(warnings);
    return process;
}

// As often as it is given: `PATH` once, or `CONTROLLER[,CONTROLLER...]:PATH` for hierarchies of v1.
struct GroupBelow {
    std::vector<std::string> controllers;  // none: all
    std::string path;                      // empty: the container's own group
};

GroupBelow group_below(const CgroupLayout& layout, const std::string& text, bool only_one) {
    const std::size_t colon = text.find(':');
    GroupBelow result;
    result.path = colon == std::string::npos ? text : text.substr(colon + 1);
    if (!result.path.starts_with('/')) result.path.insert(0, "/");
    if (result.path == "/") result.path.clear();
    if (colon == std::string::npos && !only_one)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("--cgroup: \"{}\" is one of several and names no controller", text)};
    if (colon == std::string::npos) return result;
    result.controllers = split(text.substr(0, colon), ',');
    for (const std::string& controller : result.controllers)
        if (!layout.v1_mounts.contains(controller))
            throw Error{ErrorKind::not_supported,
                        fmt::format("--cgroup: this host has no hierarchy for \"{}\"", controller)};
    return result;
}

// In hierarchies that the caller says nothing of, the process is where the container is.
std::optional<Cgroup> wanted_cgroup(Program& program, const ContainerRecord& record, const Observed& seen,
                                    const Arguments& arguments) {
    const std::vector<std::string> texts = arguments.texts("cgroup");
    if (texts.empty()) return find_cgroup_beside(seen.init->pid(), record, program.cgroups());
    Cgroup cgroup = need_cgroup(record, program.cgroups(), "--cgroup");
    for (const std::string& text : texts) {
        const GroupBelow group = group_below(program.cgroups(), text, texts.size() == 1);
        if (!group.path.empty()) cgroup.descend(group.path, group.controllers);
    }
    return cgroup;
}

void check_running(const Observed& seen, const Arguments& arguments) {
    if (!seen.alive()) throw Error{ErrorKind::conflict, "cannot exec in a stopped container"};
    if (seen.status == Status::paused && !arguments.on("ignore-paused"))
        throw Error{ErrorKind::conflict,
                    "cannot exec in a paused container (use --ignore-paused to override)"};
}

struct ExecOptions {
    std::string console_socket, pid_file, pidfd_socket;
    bool detached = false;
    int preserve_fds = 0;
};

ExecOptions exec_options(const Arguments& arguments) {
    ExecOptions options{arguments.text("console-socket"), arguments.text("pid-file"),
                        arguments.text("pidfd-socket"), arguments.on("detach"),
                        static_cast<int>(arguments.number("preserve-fds").value_or(0))};
    return options;
}

}  // namespace

int run_exec(Program& program, const Arguments& arguments) {
    const ExecOptions options = exec_options(arguments);
    const ContainerRecord record = program.store.load(arguments.words[0]);
    const Observed seen = observe(program.store, record, program.cgroups());
    check_running(seen, arguments);
    ContainerSpec container = program.store.load_config(record.id).spec;
    std::vector<std::string> told_at_its_creation;
    drop_impossible_ambient(container.process.capabilities, told_at_its_creation);
    ProcessSpec process = wanted_process(program, container.process, arguments);
    check_console(process, options.console_socket, options.detached);
    LaunchOptions launch;
    launch.preserve_fds = options.preserve_fds + pass_on_listen_fds(process);
    const std::optional<Cgroup> cgroup = wanted_cgroup(program, record, seen, arguments);
    if (cgroup) launch.cgroup = placement_in(*cgroup);

    launch.container_state = [&](pid_t) { return state_document(record, seen.status); };

    std::optional<Foreground> foreground;
    if (!options.detached) foreground.emplace(true);
    const ExecTarget target{&*seen.init, container.seccomp, container.personality};
    PendingProcess pending = begin_exec(target, process, own_streams(process), launch, program.facts());
    fault_point("exec.process");
    program.log.warnings(pending.warnings());
    pending.wait_for_gate();
    fault_point("exec.gate");
    std::optional<TerminalRelay> terminal;
    if (std::optional<UniqueFd> master = pending.take_terminal()) {
        if (options.console_socket.empty())
            terminal.emplace(std::move(*master));
        else
            send_descriptor(options.console_socket, "console socket", master->get(), "/dev/ptmx");
        fault_point("exec.terminal");
    }
    if (!options.pidfd_socket.empty())
        send_descriptor(options.pidfd_socket, "pidfd socket", pending.handle().pidfd(), "pidfd");
    fault_point("exec.handed-over");
    pending.wait_until_started();
    fault_point("exec.started");
    program.log.debug(fmt::format("{}: process {} runs as well", record.id, pending.pid()));
    if (!options.pid_file.empty())
        write_file_atomically(options.pid_file, std::to_string(pending.pid()), Durability::crash, 0644);
    fault_point("exec.recorded");
    if (!foreground) return 0;
    const int code = foreground->wait(pending.handle(), terminal ? &*terminal : nullptr, nullptr);
    fault_point("exec.ended");
    return code;
}

}  // namespace stack::oci
