// The children's side of all starts and as little else as possible: what child_functions.py takes apart. Never run.
#include "runtime/base/child_process.hpp"
#include "runtime/cgroup_systemd.hpp"
#include "runtime/id_maps.hpp"
#include "runtime/init_child.hpp"
#include "runtime/keeper/keeper_client.hpp"

int main() {
    static_cast<void>(stack::spawn({}));
    static_cast<void>(stack::make_id_map_namespace({}, {}));
    static_cast<void>(stack::SystemdScope::start({}, {}, {}, stack::systemd::Bus{}));
    static_cast<void>(stack::start_keeper({}));
    stack::run_init_program(stack::ChildInput{});
}
