// pause, resume: the freezer of the container's cgroup.
#include "runtime/base/error.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/container_status.hpp"
#include "runtime/oci/fault_point.hpp"

namespace stack::oci {

int run_pause(Program& program, const Arguments& arguments) {
    const ContainerRecord record = program.store.load(arguments.words[0]);
    const Status status = observe(program.store, record, program.cgroups()).status;
    if (status != Status::running && status != Status::created)
        throw Error{ErrorKind::conflict, "container not running"};
    need_cgroup(record, program.cgroups(), "pause").freeze(true);
    fault_point("pause.frozen");
    return 0;
}

int run_resume(Program& program, const Arguments& arguments) {
    const ContainerRecord record = program.store.load(arguments.words[0]);
    if (observe(program.store, record, program.cgroups()).status != Status::paused)
        throw Error{ErrorKind::conflict, "container not paused"};
    need_cgroup(record, program.cgroups(), "resume").freeze(false);
    fault_point("resume.thawed");
    return 0;
}

}  // namespace stack::oci
