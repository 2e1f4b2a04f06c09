// `process` as config.json has it.
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/json_members.hpp"

#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using Json = nlohmann::ordered_json;

Json user_json(const ProcessSpec& process) {
    Json user = Json::object();
    user["uid"] = process.uid;
    user["gid"] = process.gid;
    put(user, "umask", process.umask);
    put(user, "additionalGids", process.additional_gids);
    return user;
}

Json capabilities_json(const CapabilitySets& sets) {
    Json object = Json::object();
    put(object, "bounding", sets.bounding);
    put(object, "effective", sets.effective);
    put(object, "permitted", sets.permitted);
    put(object, "inheritable", sets.inheritable);
    put(object, "ambient", sets.ambient);
    return object;
}

Json rlimits_json(const std::vector<RlimitSpec>& limits) {
    Json list = Json::array();
    for (const RlimitSpec& limit : limits)
        list.push_back({{"type", limit.type}, {"hard", limit.hard}, {"soft", limit.soft}});
    return list;
}

Json scheduler_json(const SchedulerSpec& scheduler) {
    Json object = Json::object();
    object["policy"] = scheduler.policy;
    put_nonzero(object, "nice", scheduler.nice);
    put_nonzero(object, "priority", scheduler.priority);
    put(object, "flags", scheduler.flags);
    put_nonzero(object, "runtime", scheduler.runtime_ns);
    put_nonzero(object, "deadline", scheduler.deadline_ns);
    put_nonzero(object, "period", scheduler.period_ns);
    return object;
}

}  // namespace

Json process_json(const ProcessSpec& process) {
    Json object = Json::object();
    put_nonzero(object, "terminal", process.terminal);
    if (process.console_width != 0 || process.console_height != 0)
        object["consoleSize"] = {{"height", process.console_height}, {"width", process.console_width}};
    object["user"] = user_json(process);
    object["args"] = process.args;
    put(object, "env", process.env);
    object["cwd"] = process.cwd;
    put(object, "capabilities", capabilities_json(process.capabilities));
    put(object, "rlimits", rlimits_json(process.rlimits));
    put_nonzero(object, "noNewPrivileges", process.no_new_privileges);
    put(object, "apparmorProfile", process.apparmor_profile);
    put(object, "oomScoreAdj", process.oom_score_adj);
    if (process.scheduler) object["scheduler"] = scheduler_json(*process.scheduler);
    put(object, "selinuxLabel", process.selinux_label);
    if (process.io_priority)
        object["ioPriority"] = {{"class", process.io_priority->io_class},
                                {"priority", process.io_priority->priority}};
    Json affinity = Json::object();
    put(affinity, "initial", process.initial_cpu_affinity);
    put(affinity, "final", process.final_cpu_affinity);
    put(object, "execCPUAffinity", affinity);
    return object;
}

}  // namespace stack::oci
