#include "runtime/oci/container_record.hpp"

#include "runtime/base/error.hpp"
#include "runtime/oci/json_node.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {
constexpr int kRecordVersion = 1;
}

std::string record_text(const ContainerRecord& record) {
    nlohmann::ordered_json document = {
        {"version", kRecordVersion},
        {"id", record.id},
        {"ociVersion", record.oci_version},
        {"bundle", record.bundle},
        {"rootfs", record.rootfs},
        {"annotations", record.annotations},
        {"created", record.created},
        {"cgroupPath", record.cgroup_path},
        {"scope", record.scope},
        {"userScope", record.user_scope},
        {"sharesPidNamespace", record.shares_pid_namespace},
        {"pid", record.pid},
        {"startTime", record.start_time},
        {"boot", record.boot},
    };
    return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

ContainerRecord parse_record(std::string_view text) {
    const nlohmann::json document = parse_document(text, "state.json");
    const JsonNode node{document};
    if (node["version"].required_number<int>() != kRecordVersion)
        throw Error{ErrorKind::not_supported, "state.json was written by another version of this program"};
    ContainerRecord record;
    record.id = node["id"].required_text();
    record.oci_version = node["ociVersion"].text();
    record.bundle = node["bundle"].text();
    record.rootfs = node["rootfs"].text();
    record.annotations = node["annotations"].text_map();
    record.created = node["created"].text();
    record.cgroup_path = node["cgroupPath"].text();
    record.scope = node["scope"].text();
    record.user_scope = node["userScope"].flag();
    record.shares_pid_namespace = node["sharesPidNamespace"].flag();
    record.pid = node["pid"].number<pid_t>().value_or(0);
    record.start_time = node["startTime"].number<std::uint64_t>().value_or(0);
    record.boot = node["boot"].text();
    return record;
}

}  // namespace stack::oci
