// services.*.deploy: the other way to say scale, limits and restart. Contradictions have been reported.
#include "manager/compose/decode.hpp"
#include "manager/compose/node_values.hpp"

namespace stack::compose {

namespace {

template <class T>
std::optional<T> unless_zero(std::optional<T> value) {
    return value && *value != T{} ? value : std::nullopt;
}

template <class T>
void take(std::optional<T>& target, std::optional<T> value) {
    if (auto given = unless_zero(value)) target = given;
}

std::optional<int> small_integer(const Node* node) {
    const auto value = integer_value(node);
    return value ? std::optional{static_cast<int>(*value)} : std::nullopt;
}

RestartPolicy decode_policy(const Node& map) {
    RestartPolicy policy;
    policy.kind = RestartPolicy::Kind::always;
    const std::string condition = member_text(map, "condition");
    if (condition == "none" || condition == "no") policy.kind = RestartPolicy::Kind::no;
    if (condition == "on-failure") policy.kind = RestartPolicy::Kind::on_failure;
    if (condition == "unless-stopped") policy.kind = RestartPolicy::Kind::unless_stopped;
    policy.max_attempts = small_integer(map.find("max_attempts"));
    policy.delay = unless_zero(duration_value(map.find("delay")));
    policy.window = unless_zero(duration_value(map.find("window")));
    return policy;
}

}  // namespace

void decode_device_requests(const Tree& tree, const Node& list, std::vector<DeviceRequest>& requests) {
    for (const Entry& entry : list.items()) {
        const Node& map = *entry.value;
        if (!is_usable(&map)) continue;
        DeviceRequest& request = requests.emplace_back();
        request.driver = member_text(map, "driver");
        request.capabilities = strings_value(map.find("capabilities"));
        request.device_ids = strings_value(map.find("device_ids"));
        request.count = small_integer(map.find("count")).value_or(-1);  // `all` is no number
        request.position = tree.position(map);
    }
}

void decode_deploy(const Tree& tree, const Node& deploy, Service& service) {
    if (const auto replicas = small_integer(deploy.find("replicas"))) service.scale = *replicas;
    if (const Node* resources = usable_member(deploy, "resources")) {
        if (const Node* limits = usable_member(*resources, "limits")) {
            take(service.cpus, number_value(limits->find("cpus")));
            take(service.mem_limit_bytes, bytes_value(limits->find("memory")));
            take(service.pids_limit, integer_value(limits->find("pids")));
        }
        if (const Node* reservations = usable_member(*resources, "reservations")) {
            take(service.mem_reservation_bytes, bytes_value(reservations->find("memory")));
            if (const Node* devices = usable_member(*reservations, "devices"))
                decode_device_requests(tree, *devices, service.device_requests);
        }
    }
    if (const Node* policy = usable_member(deploy, "restart_policy"))
        service.restart = decode_policy(*policy);
}

}  // namespace stack::compose
