// services.*: one handler for each key that the model has.
#include "manager/compose/decode.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/paths.hpp"
#include "manager/compose/short_syntax.hpp"
#include "manager/compose/user_namespace_mode.hpp"
#include "manager/compose/value_forms.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class ServiceDecoder {
  public:
    ServiceDecoder(const Tree& tree, Service& service) : tree_{tree}, service_{service} {}

    void run(const Node& map) {
        for (const Entry& entry : map.items()) {
            const Node& value = *entry.value;
            service_.positions[std::string{entry.key->text}] =
                tree_.position(value.is_scalar() ? value : *entry.key);
            const auto handler = handlers().find(entry.key->text);
            if (handler != handlers().end() && !value.is_null()) handler->second(*this, value);
        }
        service_.volumes = decode_mounts(tree_, map);
        // Last, since it goes before keys of the service that may stand behind it.
        if (const Node* deploy = usable_member(map, "deploy")) decode_deploy(tree_, *deploy, service_);
        if (!service_.network_mode.empty() && service_.network_mode != "bridge")
            service_.ports.clear();  // the user has been told
    }

  private:
    using Handler = void (*)(ServiceDecoder&, const Node&);
    static const std::unordered_map<std::string_view, Handler>& handlers();

    static std::string text(const Node& node) { return text_value(&node).value_or(""); }
    static bool flag(const Node& node) { return boolean_value(&node).value_or(false); }
    static std::optional<std::int64_t> size(const Node& node) {
        const auto value = bytes_value(&node);
        return value == 0 ? std::nullopt : value;  // 0 means no limit
    }
    static std::optional<std::int64_t> number(const Node& node) {
        const auto value = integer_value(&node);
        return value == 0 ? std::nullopt : value;  // 0 means the default
    }

    void environment(const Node& map) {
        for (const Entry& entry : map.items())
            service_.environment[std::string{entry.key->text}] = text_value(entry.value);
    }

    void restart(const Node& node) {
        const Parsed<RestartPolicy> parsed = parse_restart(node.text);
        if (const auto* policy = std::get_if<RestartPolicy>(&parsed)) service_.restart = *policy;
    }

    void depends_on(const Node& map) {
        for (const Entry& entry : map.items()) {
            const std::string name{entry.key->text};
            service_.positions[fmt::format("depends_on.{}", name)] = tree_.position(*entry.key);
            Dependency& dependency = service_.depends_on[name];
            dependency.restart = boolean_value(entry.value->find("restart")).value_or(false);
            dependency.required = boolean_value(entry.value->find("required")).value_or(true);
            const std::string condition = member_text(*entry.value, "condition");
            if (condition == "service_healthy") dependency.condition = DependencyCondition::service_healthy;
            if (condition == "service_completed_successfully")
                dependency.condition = DependencyCondition::service_completed_successfully;
        }
    }

    void healthcheck(const Node& map) {
        Healthcheck check;
        check.test = strings_value(map.find("test"));
        const auto time = [&map](std::string_view key) -> std::optional<Duration> {
            const auto value = duration_value(map.find(key));
            return value && value->count() != 0 ? value : std::nullopt;  // 0 means the default
        };
        check.interval = time("interval");
        check.timeout = time("timeout");
        check.start_period = time("start_period");
        check.start_interval = time("start_interval");
        if (const auto retries = integer_value(map.find("retries")); retries && *retries != 0)
            check.retries = static_cast<int>(*retries);
        check.disable = boolean_value(map.find("disable")).value_or(false) ||
                        (!check.test.empty() && check.test[0] == "NONE");
        if (check.disable) check.test.clear();
        service_.healthcheck = std::move(check);
    }

    void ports(const Node& list) {
        for (const Entry& entry : list.items()) {
            const Node& map = *entry.value;
            if (!is_usable(&map)) continue;
            Port port;
            port.host_ip = member_text(map, "host_ip");
            port.published = member_text(map, "published");
            port.target = parse_port_number(member_text(map, "target")).value_or(0);
            port.protocol = member_text(map, "protocol");
            port.mode = member_text(map, "mode");
            port.name = member_text(map, "name");
            port.app_protocol = member_text(map, "app_protocol");
            port.position = tree_.position(map);
            service_.ports.push_back(std::move(port));
        }
    }

    void extra_hosts(const Node& list) {
        for (const std::string& item : strings_value(&list)) {
            const std::size_t equals = item.find('=');
            service_.extra_hosts.emplace_back(item.substr(0, equals), item.substr(equals + 1));
        }
    }

    void networks(const Node& map) {
        for (const Entry& entry : map.items()) {
            const std::string name{entry.key->text};
            service_.positions[fmt::format("networks.{}", name)] = tree_.position(*entry.key);
            NetworkAttachment& attachment = service_.networks[name];
            attachment.aliases = strings_value(entry.value->find("aliases"));
            attachment.ipv4_address = member_text(*entry.value, "ipv4_address");
            attachment.priority = static_cast<int>(integer_value(entry.value->find("priority")).value_or(0));
        }
    }

    static std::vector<std::string> capabilities(const Node& list) {
        std::vector<std::string> names;
        for (const std::string& item : strings_value(&list))
            if (auto name = capability_name(item);
                name && std::find(names.begin(), names.end(), *name) == names.end())
                names.push_back(std::move(*name));
        return names;
    }

    // What is the runtime's default anyway needs no field. Of two that contradict each other the later holds.
    void security(const Node& list) {
        SecurityOptions& security = service_.security;
        for (const Entry& entry : list.items()) {
            if (!is_usable(entry.value)) continue;
            const auto [name, value] = parse_security_option(entry.value->text);
            const bool unconfined = value == "unconfined";
            if (name == "no-new-privileges") security.no_new_privileges = value != "false";
            if (name == "systempaths") security.system_paths_unconfined = unconfined;
            if (name == "seccomp") {
                security.seccomp_unconfined = unconfined;
                security.seccomp_file.clear();
                if (!unconfined && value != "builtin")
                    security.seccomp_file =
                        absolute_path(tree_.file(entry.value->file).base_directory, value);
            }
            if (name == "apparmor")
                security.apparmor_profile = unconfined ? std::string{} : std::string{value};
            if (name == "label" && value != "disable") security.label_parts.emplace_back(value);
        }
    }

    void time_offsets(const Node& map) {
        const auto offset = [&map](const char* clock) {
            return parse_time_offset(member_text(map, clock)).value_or(Duration{});
        };
        service_.time_offsets = {offset("monotonic"), offset("boottime")};
    }

    void devices(const Node& list) {
        for (const Entry& entry : list.items()) {
            const Node& map = *entry.value;
            if (!is_usable(&map)) continue;
            service_.devices.push_back({member_text(map, "source"), member_text(map, "target"),
                                        member_text(map, "permissions"), tree_.position(map)});
        }
    }

    void ulimits(const Node& map) {
        for (const Entry& entry : map.items())
            service_.ulimits[std::string{entry.key->text}] = {
                integer_value(entry.value->find("soft")).value_or(0),
                integer_value(entry.value->find("hard")).value_or(0)};
    }

    void logging(const Node& map) {
        service_.logging.driver = member_text(map, "driver");
        const Node* options = usable_member(map, "options");
        if (!options) return;
        // -1 is no limit, and so is nothing.
        if (const auto bytes = parse_bytes(member_text(*options, "max-size")))
            service_.logging.max_size_bytes = static_cast<std::int64_t>(*bytes);
        if (const auto files = integer_value(options->find("max-file")))
            service_.logging.max_file = static_cast<int>(*files);
    }

    const Tree& tree_;
    Service& service_;
};

const std::unordered_map<std::string_view, ServiceDecoder::Handler>& ServiceDecoder::handlers() {
    using D = ServiceDecoder;
    static const std::unordered_map<std::string_view, Handler> kHandlers = {
        {"image", [](D& d, const Node& n) { d.service_.image = text(n); }},
        {"command", [](D& d, const Node& n) { d.service_.command = strings_value(&n); }},
        {"entrypoint", [](D& d, const Node& n) { d.service_.entrypoint = strings_value(&n); }},
        {"environment", [](D& d, const Node& n) { d.environment(n); }},
        {"working_dir", [](D& d, const Node& n) { d.service_.working_dir = text(n); }},
        {"user", [](D& d, const Node& n) { d.service_.user = text(n); }},
        {"hostname", [](D& d, const Node& n) { d.service_.hostname = text(n); }},
        {"domainname", [](D& d, const Node& n) { d.service_.domainname = text(n); }},
        {"group_add", [](D& d, const Node& n) { d.service_.group_add = strings_value(&n); }},
        {"attach", [](D& d, const Node& n) { d.service_.attach = flag(n); }},
        {"annotations", [](D& d, const Node& n) { d.service_.annotations = decode_texts(&n); }},
        {"gpus", [](D& d, const Node& n) { decode_device_requests(d.tree_, n, d.service_.device_requests); }},
        {"x-time-offset", [](D& d, const Node& n) { d.time_offsets(n); }},
        {"security_opt", [](D& d, const Node& n) { d.security(n); }},
        {"container_name", [](D& d, const Node& n) { d.service_.container_name = text(n); }},
        {"init", [](D& d, const Node& n) { d.service_.init = flag(n); }},
        {"tty", [](D& d, const Node& n) { d.service_.tty = flag(n); }},
        {"stdin_open", [](D& d, const Node& n) { d.service_.stdin_open = flag(n); }},
        {"read_only", [](D& d, const Node& n) { d.service_.read_only = flag(n); }},
        {"labels", [](D& d, const Node& n) { d.service_.labels = decode_texts(&n); }},
        {"depends_on", [](D& d, const Node& n) { d.depends_on(n); }},
        {"healthcheck", [](D& d, const Node& n) { d.healthcheck(n); }},
        {"restart", [](D& d, const Node& n) { d.restart(n); }},
        {"platform", [](D& d, const Node& n) { d.service_.platform = text(n); }},
        {"pull_policy", [](D& d, const Node& n) { d.service_.pull_policy = text(n); }},
        {"pull_refresh_after", [](D& d, const Node& n) { d.service_.pull_refresh_after = duration_value(&n); }},
        {"build", [](D& d, const Node&) { d.service_.buildable = true; }},
        {"stop_signal", [](D& d, const Node& n) { d.service_.stop_signal = text(n); }},
        {"stop_grace_period", [](D& d, const Node& n) { d.service_.stop_grace_period = duration_value(&n); }},
        {"ports", [](D& d, const Node& n) { d.ports(n); }},
        {"expose", [](D& d, const Node& n) { d.service_.expose = strings_value(&n); }},
        {"extra_hosts", [](D& d, const Node& n) { d.extra_hosts(n); }},
        {"networks", [](D& d, const Node& n) { d.networks(n); }},
        {"network_mode", [](D& d, const Node& n) { d.service_.network_mode = text(n); }},
        {"dns", [](D& d, const Node& n) { d.service_.dns = strings_value(&n); }},
        {"dns_search", [](D& d, const Node& n) { d.service_.dns_search = strings_value(&n); }},
        {"dns_opt", [](D& d, const Node& n) { d.service_.dns_opt = strings_value(&n); }},
        {"secrets", [](D& d, const Node& n) { d.service_.secrets = decode_grants(d.tree_, n); }},
        {"configs", [](D& d, const Node& n) { d.service_.configs = decode_grants(d.tree_, n); }},
        {"cap_add", [](D& d, const Node& n) { d.service_.cap_add = capabilities(n); }},
        {"cap_drop", [](D& d, const Node& n) { d.service_.cap_drop = capabilities(n); }},
        {"privileged", [](D& d, const Node& n) { d.service_.privileged = flag(n); }},
        {"devices", [](D& d, const Node& n) { d.devices(n); }},
        {"device_cgroup_rules",
         [](D& d, const Node& n) { d.service_.device_cgroup_rules = strings_value(&n); }},
        {"pid", [](D& d, const Node& n) { d.service_.pid_mode = text(n); }},
        {"ipc", [](D& d, const Node& n) { d.service_.ipc_mode = text(n); }},
        {"uts", [](D& d, const Node& n) { d.service_.uts_mode = text(n); }},
        {"userns_mode",
         [](D& d, const Node& n) {
             d.service_.user_namespace_ids = user_namespace_ids(n.text).value_or(0);
         }},
        {"cgroup", [](D& d, const Node& n) { d.service_.cgroup_mode = text(n); }},
        {"cgroup_parent", [](D& d, const Node& n) { d.service_.cgroup_parent = text(n); }},
        {"mem_limit", [](D& d, const Node& n) { d.service_.mem_limit_bytes = size(n); }},
        {"mem_reservation", [](D& d, const Node& n) { d.service_.mem_reservation_bytes = size(n); }},
        {"memswap_limit", [](D& d, const Node& n) { d.service_.memswap_limit_bytes = size(n); }},
        {"shm_size", [](D& d, const Node& n) { d.service_.shm_size_bytes = size(n); }},
        {"cpu_shares", [](D& d, const Node& n) { d.service_.cpu_shares = number(n); }},
        {"cpu_quota", [](D& d, const Node& n) { d.service_.cpu_quota_us = number(n); }},
        {"cpu_period", [](D& d, const Node& n) { d.service_.cpu_period_us = number(n); }},
        {"cpuset", [](D& d, const Node& n) { d.service_.cpuset = text(n); }},
        {"oom_score_adj",
         [](D& d, const Node& n) {
             d.service_.oom_score_adj = static_cast<int>(integer_value(&n).value_or(0));
         }},
        {"cpus",
         [](D& d, const Node& n) {
             if (const auto value = number_value(&n); value && *value != 0) d.service_.cpus = value;
         }},
        {"pids_limit", [](D& d, const Node& n) { d.service_.pids_limit = integer_value(&n); }},
        {"ulimits", [](D& d, const Node& n) { d.ulimits(n); }},
        {"sysctls", [](D& d, const Node& n) { d.service_.sysctls = decode_texts(&n); }},
        {"profiles", [](D& d, const Node& n) { d.service_.profiles = strings_value(&n); }},
        {"logging", [](D& d, const Node& n) { d.logging(n); }},
        {"scale",
         [](D& d, const Node& n) { d.service_.scale = static_cast<int>(integer_value(&n).value_or(1)); }},
    };
    return kHandlers;
}

}  // namespace

Service decode_service(const Tree& tree, const Entry& entry) {
    Service service;
    service.name = entry.key->text;
    service.position = tree.position(*entry.key);
    if (is_usable(entry.value) && entry.value->is_mapping()) ServiceDecoder{tree, service}.run(*entry.value);
    return service;
}

}  // namespace stack::compose
