// kill and delete: the way of a container out of life.
#include "runtime/base/error.hpp"
#include "runtime/base/signals.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/container_id.hpp"
#include "runtime/oci/container_status.hpp"
#include "runtime/oci/fault_point.hpp"
#include "runtime/oci/new_container.hpp"

#include <signal.h>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace stack::oci {

namespace {

// 0 asks whether there is a process, as for kill(2).
int signal_of(const Arguments& arguments) {
    const std::string text = arguments.words.size() > 1 ? arguments.words[1] : "TERM";
    if (text == "0") return 0;
    const std::optional<int> number = parse_signal(text);
    if (!number) throw Error{ErrorKind::invalid_input, fmt::format("unknown signal \"{}\"", text)};
    return *number;
}

// Every process by its pidfd: one that ends meanwhile, and whose number is used again, is not hit.
void signal_all(const Cgroup& cgroup, int number) {
    if (number == SIGKILL) return cgroup.kill_all();
    for (const pid_t pid : cgroup.processes()) {
        const std::optional<ProcessHandle> process = ProcessHandle::open(pid);
        if (process) static_cast<void>(process->signal(number));
    }
}

// Of a process that has not said otherwise (signal(7)).
bool ends_by_default(int number) {
    constexpr int kOthers[] = {0, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    return std::find(std::begin(kOthers), std::end(kOthers), number) == std::end(kOthers);
}

// What waits for its start has no handlers yet, and signals without one don't reach the first process of a pid namespace
// (pid_namespaces(7)): it would survive them. False when a `start` was faster: then the signal is the program's.
bool end_before_start(Program& program, const std::string& id, const ProcessHandle& init) {
    try {
        static_cast<void>(claim_start_socket(program.store, id));
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::conflict) throw;
        return false;
    }
    fault_point("kill.claimed");
    return init.signal(SIGKILL);
}

void delete_one(Program& program, const std::string& id, bool force) {
    check_container_id(id);
    if (force && !program.store.has_directory(id)) return;
    if (force && !program.store.find(id) && !program.store.locked(id))
        return program.store.remove(id);  // a `create` that was killed before it had written anything
    const FileLock lock = program.store.lock(id);
    const ContainerRecord record = program.store.load(id);
    const Status status = observe(program.store, record, program.cgroups()).status;
    if (!force && (status == Status::running || status == Status::paused))
        throw Error{ErrorKind::conflict, fmt::format("cannot delete container {} that is not stopped: {}", id,
                                                     status_name(status))};
    std::vector<HookSpec> poststop;
    if (program.store.has(id, "config.json")) poststop = program.store.load_config(id).spec.hooks.poststop;
    destroy_container(program, record, poststop);
}

}  // namespace

int run_kill(Program& program, const Arguments& arguments) {
    const std::string& id = arguments.words[0];
    const ContainerRecord record = program.store.load(id);
    const int number = signal_of(arguments);
    const Observed seen = observe(program.store, record, program.cgroups());
    // Without a pid namespace of its own, a container's processes survive its first one.
    const bool all = arguments.on("all") || (record.shares_pid_namespace && number == SIGKILL);
    const std::optional<Cgroup> cgroup = find_cgroup(record, program.cgroups());
    const bool waits = seen.status == Status::creating || seen.status == Status::created;
    const bool ended =
        waits && seen.alive() && ends_by_default(number) && end_before_start(program, id, *seen.init);
    if (all && cgroup && (seen.alive() || arguments.on("all") || cgroup->populated())) {
        signal_all(*cgroup, number);
        fault_point("kill.all");
        return 0;
    }
    if (!seen.alive() && arguments.on("all")) return 0;
    if (ended) return 0;
    const bool takes_all_along = number == SIGKILL && !record.shares_pid_namespace;
    if (all && seen.alive() && !takes_all_along)
        program.log.warning(
            "the container has no cgroup that names its processes: only the first one is signalled");
    if (!seen.alive() || !seen.init->signal(number))
        throw Error{ErrorKind::conflict, "container not running"};
    fault_point("kill.signalled");
    // On v1 nothing that is frozen dies before it is thawed.
    if (number == SIGKILL && seen.status == Status::paused && cgroup) cgroup->freeze(false);
    fault_point("kill.thawed");
    return 0;
}

int run_delete(Program& program, const Arguments& arguments) {
    int code = 0;
    for (const std::string& id : arguments.words) {
        try {
            delete_one(program, id, arguments.on("force"));
        } catch (const Error& error) {
            if (arguments.words.size() == 1) throw;
            program.log.error(error.what());
            code = 1;
        }
    }
    return code;
}

}  // namespace stack::oci
