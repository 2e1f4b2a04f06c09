// `process` of config.json.
#include "runtime/capabilities.hpp"
#include "runtime/oci/config_parts.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

namespace stack::oci {

namespace {

// A capability that nobody knows can't be given, and must not stop containers written for a newer kernel.
std::vector<std::string> known_capabilities(const JsonNode& names, Warnings& warnings) {
    std::vector<std::string> result;
    for (const std::string& name : names.texts()) {
        if (name.starts_with("CAP_") && capability_number(name))
            result.push_back(name);
        else
            warnings.push_back(fmt::format("{}: unknown capability \"{}\" is left out", names.path(), name));
    }
    return result;
}

CapabilitySets read_capabilities(const JsonNode& node, Warnings& warnings) {
    CapabilitySets sets;
    sets.bounding = known_capabilities(node["bounding"], warnings);
    sets.effective = known_capabilities(node["effective"], warnings);
    sets.permitted = known_capabilities(node["permitted"], warnings);
    sets.inheritable = known_capabilities(node["inheritable"], warnings);
    sets.ambient = known_capabilities(node["ambient"], warnings);
    return sets;
}

std::vector<RlimitSpec> read_rlimits(const JsonNode& node) {
    std::vector<RlimitSpec> limits;
    node.each([&](const JsonNode& entry) {
        RlimitSpec limit{entry["type"].required_text(), entry["soft"].required_number<std::uint64_t>(),
                         entry["hard"].required_number<std::uint64_t>()};
        if (std::any_of(limits.begin(), limits.end(),
                        [&](const RlimitSpec& other) { return other.type == limit.type; }))
            entry["type"].fail(fmt::format("names {} a second time", limit.type));
        if (limit.soft > limit.hard)
            entry["soft"].fail(
                fmt::format("is {}, which is above the hard limit {}", limit.soft, limit.hard));
        limits.push_back(std::move(limit));
    });
    return limits;
}

IoPrioritySpec read_io_priority(const JsonNode& node) {
    IoPrioritySpec result{node["class"].required_text(), node["priority"].number<int>().value_or(0)};
    constexpr const char* kClasses[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"};
    if (std::find(std::begin(kClasses), std::end(kClasses), result.io_class) == std::end(kClasses))
        node["class"].fail(
            fmt::format("is \"{}\", which is none of IOPRIO_CLASS_RT, _BE and _IDLE", result.io_class));
    if (result.priority < 0 || result.priority > 7)
        node["priority"].fail(fmt::format("is {}, which is not between 0 and 7", result.priority));
    return result;
}

SchedulerSpec read_scheduler(const JsonNode& node) {
    SchedulerSpec result;
    result.policy = node["policy"].required_text();
    result.nice = node["nice"].number<std::int32_t>().value_or(0);
    result.priority = node["priority"].number<std::int32_t>().value_or(0);
    result.flags = node["flags"].texts();
    result.runtime_ns = node["runtime"].number<std::uint64_t>().value_or(0);
    result.deadline_ns = node["deadline"].number<std::uint64_t>().value_or(0);
    result.period_ns = node["period"].number<std::uint64_t>().value_or(0);
    return result;
}

// The last number is "leave it as it is" to setresuid(2).
std::uint32_t read_id(const JsonNode& node) {
    const std::uint32_t id = node.number<std::uint32_t>().value_or(0);
    if (id == std::numeric_limits<std::uint32_t>::max()) node.fail("is 4294967295, which is nobody's id");
    return id;
}

std::vector<std::uint32_t> read_groups(const JsonNode& node) {
    std::vector<std::uint32_t> groups;
    node.each([&](const JsonNode& entry) {
        static_cast<void>(entry.required_number<std::uint32_t>());
        groups.push_back(read_id(entry));
    });
    return groups;
}

std::vector<std::string> read_arguments(const JsonNode& node) {
    std::vector<std::string> arguments = node.texts();
    if (arguments.empty()) node.fail("must name the program to run");
    if (arguments.front().empty()) node.fail("must not begin with an empty name");
    return arguments;
}

}  // namespace

ProcessSpec read_process(const JsonNode& process, Warnings& warnings) {
    if (!process.present()) process.fail("is missing");
    ProcessSpec result;
    result.terminal = process["terminal"].flag();
    result.console_width = process["consoleSize"]["width"].number<std::uint16_t>().value_or(0);
    result.console_height = process["consoleSize"]["height"].number<std::uint16_t>().value_or(0);
    result.args = read_arguments(process["args"]);
    result.env = process["env"].texts();
    result.cwd = absolute_path(process["cwd"]);
    const JsonNode user = process["user"];
    result.uid = read_id(user["uid"]);
    result.gid = read_id(user["gid"]);
    result.umask = user["umask"].number<std::uint32_t>();
    if (result.umask && *result.umask > 0777) user["umask"].fail("is above 0777 (511)");
    result.additional_gids = read_groups(user["additionalGids"]);
    result.capabilities = read_capabilities(process["capabilities"], warnings);
    result.no_new_privileges = process["noNewPrivileges"].flag();
    result.rlimits = read_rlimits(process["rlimits"]);
    result.oom_score_adj = process["oomScoreAdj"].number<int>();
    if (const JsonNode node = process["ioPriority"]; node.present())
        result.io_priority = read_io_priority(node);
    if (const JsonNode node = process["scheduler"]; node.present()) result.scheduler = read_scheduler(node);
    result.initial_cpu_affinity = process["execCPUAffinity"]["initial"].text();
    result.final_cpu_affinity = process["execCPUAffinity"]["final"].text();
    result.apparmor_profile = process["apparmorProfile"].text();
    result.selinux_label = process["selinuxLabel"].text();
    return result;
}

}  // namespace stack::oci
