#include "manager/plan/config_hash.hpp"

#include "manager/compose/model_json.hpp"
#include "manager/compose/service_hash.hpp"
#include "runtime/base/text.hpp"

#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::plan {

namespace {

// What of a service shapes its containers: the rest is blanked, so that the hash can't depend on it.
compose::Service relevant_part(compose::Service service) {
    service.scale = 1;
    service.pull_policy.clear();
    service.pull_refresh_after.reset();
    service.buildable = false;
    service.depends_on.clear();
    service.profiles.clear();
    service.position = {};
    service.positions.clear();
    for (compose::Port& port : service.ports) port.position = {};
    for (compose::VolumeMount& mount : service.volumes) mount.position = {};
    for (compose::FileGrant& grant : service.secrets) grant.position = {};
    for (compose::FileGrant& grant : service.configs) grant.position = {};
    for (compose::DeviceGrant& grant : service.devices) grant.position = {};
    for (compose::DeviceRequest& request : service.device_requests) request.position = {};
    return service;
}

// Collects the clauses of a difference.
class Difference {
  public:
    template <typename T>
    void value(const char* what, const T& before, const T& after) {
        if (!(before == after)) clauses_.push_back(fmt::format("{} changed", what));
    }
    /// Names the entries of a map that came, went or changed.
    template <typename M>
    void entries(const char* what, const M& before, const M& after) {
        for (const auto& [key, old_value] : before) {
            const auto found = after.find(key);
            if (found == after.end()) {
                clauses_.push_back(fmt::format("{} {} removed", what, key));
            } else if (!(found->second == old_value)) {
                clauses_.push_back(fmt::format("{} {} changed", what, key));
            }
        }
        for (const auto& [key, new_value] : after)
            if (before.count(key) == 0) clauses_.push_back(fmt::format("{} {} added", what, key));
    }
    [[nodiscard]] bool empty() const { return clauses_.empty(); }
    [[nodiscard]] std::string text() const {
        constexpr std::size_t kShown = 4;
        if (clauses_.size() <= kShown) return join(clauses_, ", ");
        const std::vector<std::string> first{clauses_.begin(), clauses_.begin() + kShown};
        return fmt::format("{} and {} more", join(first, ", "), clauses_.size() - kShown);
    }

  private:
    std::vector<std::string> clauses_;
};

void compare_process(Difference& difference, const compose::Service& a, const compose::Service& b) {
    difference.value("image", a.image, b.image);
    difference.value("entrypoint", a.entrypoint, b.entrypoint);
    difference.value("command", a.command, b.command);
    difference.entries("environment", a.environment, b.environment);
    difference.value("working_dir", a.working_dir, b.working_dir);
    difference.value("user", a.user, b.user);
    difference.value("hostname", a.hostname, b.hostname);
    difference.value("container_name", a.container_name, b.container_name);
    difference.value("init", a.init, b.init);
    difference.value("tty", a.tty, b.tty);
    difference.value("stdin_open", a.stdin_open, b.stdin_open);
    difference.value("healthcheck", a.healthcheck, b.healthcheck);
    difference.value("restart", a.restart, b.restart);
    difference.value("stop_signal", a.stop_signal, b.stop_signal);
    difference.value("stop_grace_period", a.stop_grace_period, b.stop_grace_period);
    difference.entries("label", a.labels, b.labels);
    difference.value("logging", a.logging, b.logging);
}

void compare_surroundings(Difference& difference, const compose::Service& a, const compose::Service& b) {
    difference.value("ports", a.ports, b.ports);
    difference.value("expose", a.expose, b.expose);
    difference.value("volumes", a.volumes, b.volumes);
    difference.entries("network", a.networks, b.networks);
    difference.value("network_mode", a.network_mode, b.network_mode);
    difference.value("secrets", a.secrets, b.secrets);
    difference.value("configs", a.configs, b.configs);
    difference.value("extra_hosts", a.extra_hosts, b.extra_hosts);
    difference.value("read_only", a.read_only, b.read_only);
    difference.value("cap_add", a.cap_add, b.cap_add);
    difference.value("cap_drop", a.cap_drop, b.cap_drop);
    difference.value("mem_limit", a.mem_limit_bytes, b.mem_limit_bytes);
    difference.value("mem_reservation", a.mem_reservation_bytes, b.mem_reservation_bytes);
    difference.value("cpus", a.cpus, b.cpus);
    difference.value("pids_limit", a.pids_limit, b.pids_limit);
    difference.entries("ulimit", a.ulimits, b.ulimits);
    difference.entries("sysctl", a.sysctls, b.sysctls);
}

}  // namespace

std::string service_hash(const compose::Service& service) {
    return compose::sha256_hex(compose::to_json(relevant_part(service))
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string network_hash(const compose::Network& network) {
    compose::Network relevant = network;
    relevant.position = {};
    return compose::sha256_hex(
        compose::to_json(relevant).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string describe_difference(const compose::Service& before, const compose::Service& after) {
    const compose::Service a = relevant_part(before), b = relevant_part(after);
    if (a == b) return {};
    Difference difference;
    compare_process(difference, a, b);
    compare_surroundings(difference, a, b);
    return difference.empty() ? "configuration changed" : difference.text();
}

}  // namespace stack::plan
