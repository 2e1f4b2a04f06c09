#include "manager/compose/value_checks.hpp"

#include "manager/compose/key_walk.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/short_syntax.hpp"
#include "manager/compose/value_forms.hpp"
#include "runtime/base/text.hpp"

#include <limits>

#include <fmt/format.h>

namespace stack::compose {

namespace {

// ---- words ----------------------------------------------------------------------------------------------------------

struct WordRule {
    std::string_view path;
    std::string_view what;
    std::vector<std::string> words;
};

const std::vector<WordRule>& word_rules() {
    static const std::vector<WordRule> kRules = {
        {"services.*.env_file[].format", "format", {"raw"}},
        {"services.*.depends_on.*.condition",
         "condition",
         {"service_started", "service_healthy", "service_completed_successfully"}},
        {"services.*.ports[].mode", "mode", {"ingress", "host"}},
        {"services.*.volumes[].bind.propagation",
         "propagation",
         {"private", "rprivate", "shared", "rshared", "slave", "rslave"}},
        {"services.*.volumes[].bind.recursive", "recursive", {"enabled", "disabled", "writable", "readonly"}},
        {"services.*.volumes[].bind.selinux", "selinux", {"z", "Z"}},
        {"services.*.cgroup", "cgroup", {"host", "private"}},
        {"services.*.uts", "uts", {"host"}},
        {"services.*.build.entitlements", "an entitlement", {"network.host", "security.insecure"}},
        {"services.*.deploy.mode", "deploy.mode", {"replicated", "global", "replicated-job", "global-job"}},
        {"services.*.deploy.restart_policy.condition",
         "condition",
         {"none", "on-failure", "any", "always", "unless-stopped", "no"}},
        {"services.*.deploy.endpoint_mode", "endpoint_mode", {"vip", "dnsrr"}},
        {"services.*.deploy.update_config.failure_action",
         "failure_action",
         {"continue", "rollback", "pause"}},
        {"services.*.deploy.update_config.order", "order", {"stop-first", "start-first"}},
        {"services.*.deploy.rollback_config.failure_action", "failure_action", {"continue", "pause"}},
        {"services.*.deploy.rollback_config.order", "order", {"stop-first", "start-first"}},
        {"services.*.develop.watch[].action",
         "action",
         {"sync", "rebuild", "restart", "sync+restart", "sync+exec"}},
    };
    return kRules;
}

// ---- numbers --------------------------------------------------------------------------------------------------------

struct BoundRule {
    std::string_view path;
    std::int64_t low, high;
};

constexpr std::int64_t kNoBound = std::numeric_limits<std::int64_t>::max();

constexpr BoundRule kBounds[] = {
    {"services.*.scale", 0, 10'000},
    {"services.*.healthcheck.retries", 0, 1'000'000},
    {"services.*.networks.*.priority", -1'000'000, 1'000'000},
    {"services.*.networks.*.gw_priority", -1'000'000, 1'000'000},
    {"services.*.mem_swappiness", 0, 100},
    {"services.*.pids_limit", -1, kNoBound},
    {"services.*.cpu_shares", 0, 262'144},
    {"services.*.cpu_quota", -1, kNoBound},
    {"services.*.cpu_period", 0, 1'000'000},
    {"services.*.blkio_config.weight", 10, 1000},
    {"services.*.blkio_config.weight_device[].weight", 10, 1000},
    {"services.*.blkio_config.device_read_iops[].rate", 0, kNoBound},
    {"services.*.blkio_config.device_write_iops[].rate", 0, kNoBound},
    {"services.*.oom_score_adj", -1000, 1000},
    {"services.*.deploy.replicas", 0, 10'000},
    {"services.*.deploy.resources.limits.pids", -1, kNoBound},
    {"services.*.deploy.restart_policy.max_attempts", 0, 1'000'000},
    {"services.*.deploy.placement.max_replicas_per_node", 0, kNoBound},
    {"services.*.deploy.update_config.parallelism", 0, kNoBound},
    {"services.*.deploy.rollback_config.parallelism", 0, kNoBound},
    {"models.*.context_size", 0, kNoBound},
};

// ---- the look of texts ----------------------------------------------------------------------------------------------

struct FormRule {
    std::string_view path;  // of a text, or of a list of texts
    bool (*test)(std::string_view);
    std::string_view what;
    std::string_view hint;
};

constexpr std::string_view kNameHint =
    "use at least two letters, digits, \"_\", \".\" or \"-\", the first a letter or digit";
constexpr std::string_view kHostHint = "use up to 64 letters, digits, \"-\" and dots";
constexpr std::string_view kMacHint = "write six pairs of hex digits: 02:42:ac:11:00:02";
constexpr std::string_view kPlatformHint = "write OS[/ARCHITECTURE[/VARIANT]]: linux/amd64";
constexpr std::string_view kSizeOfSubnet = "write a subnet such as 10.5.0.0/16";

constexpr std::string_view kOffsetHint = "write it like 1h30m, or -10s";

constexpr FormRule kForms[] = {
    {"services.*.image", is_image_text, "image", "write NAME[:TAG][@DIGEST]"},
    {"services.*.pre_start[].image", is_image_text, "image", "write NAME[:TAG][@DIGEST]"},
    {"services.*.container_name", is_container_name, "container name", kNameHint},
    {"services.*.profiles", is_profile_name, "profile name", "use letters, digits, \"_\", \".\" and \"-\""},
    {"services.*.hostname", is_host_name, "host name", kHostHint},
    {"services.*.domainname", is_host_name, "domain name", kHostHint},
    {"services.*.platform", is_platform, "platform", kPlatformHint},
    {"services.*.build.platforms", is_platform, "platform", kPlatformHint},
    {"services.*.pull_policy", is_pull_policy, "pull policy",
     "it is one of always, never, missing, build, daily, weekly, refresh, every_12h"},
    {"services.*.pull_refresh_after", is_time_span, "time span", "write it like 12h"},
    {"services.*.mac_address", is_mac_address, "MAC address", kMacHint},
    {"services.*.networks.*.mac_address", is_mac_address, "MAC address", kMacHint},
    {"services.*.networks.*.ipv4_address", is_ipv4_address, "IPv4 address", "write it like 10.5.0.7"},
    {"services.*.networks.*.ipv6_address", is_ipv6_address, "IPv6 address", "write it like 2001:db8::7"},
    {"services.*.networks.*.link_local_ips", is_ip_address, "IP address", "write it like 169.254.8.8"},
    {"services.*.networks.*.interface_name", is_interface_name, "interface name",
     "use up to 15 characters without blanks and slashes"},
    {"services.*.dns", is_ip_address, "IP address", "resolvers are given by address: 9.9.9.9"},
    {"services.*.cpuset", is_cpu_set, "list of CPUs", "write it like 0-3 or 0,2"},
    {"services.*.devices[].permissions", is_device_permissions, "permissions",
     "they are letters of r, w and m"},
    {"services.*.cgroup_parent", is_cgroup_parent, "control group",
     "write it like /agents/web or agents.slice"},
    {"services.*.device_cgroup_rules", is_device_cgroup_rule, "device rule", "write it like \"c 1:3 rwm\""},
    {"services.*.security_opt", is_security_option, "security option",
     "it is one of no-new-privileges, seccomp=…, apparmor=…, label=disable or type:…, "
     "systempaths=unconfined"},
    {"services.*.x-time-offset.monotonic", is_time_offset, "time offset", kOffsetHint},
    {"services.*.x-time-offset.boottime", is_time_offset, "time offset", kOffsetHint},
    {"networks.*.ipam.config[].subnet", is_cidr, "subnet", kSizeOfSubnet},
    {"networks.*.ipam.config[].ip_range", is_cidr, "ip_range", kSizeOfSubnet},
    {"networks.*.ipam.config[].gateway", is_ip_address, "gateway", "write an IP address"},
    {"networks.*.ipam.config[].aux_addresses", is_ip_address, "IP address", "write it like 10.5.0.7"},
};

// ---- members that must be there -------------------------------------------------------------------------------------

struct RequiredRule {
    std::string_view path;  // of a map, or of a list of maps
    std::vector<std::string_view> members;
};

const std::vector<RequiredRule>& required_rules() {
    static const std::vector<RequiredRule> kRules = {
        {"services.*.env_file", {"path"}},
        {"services.*.secrets", {"source"}},
        {"services.*.configs", {"source"}},
        {"services.*.build.secrets", {"source"}},
        {"services.*.devices", {"source"}},
        {"services.*.post_start", {"command"}},
        {"services.*.pre_stop", {"command"}},
        {"services.*.provider", {"type"}},
        {"services.*.develop.watch", {"path", "action"}},
        {"services.*.develop.watch[].exec", {"command"}},
        {"services.*.deploy.resources.reservations.devices", {"capabilities"}},
        {"services.*.blkio_config.weight_device", {"path", "weight"}},
        {"services.*.blkio_config.device_read_bps", {"path", "rate"}},
        {"services.*.blkio_config.device_write_bps", {"path", "rate"}},
        {"services.*.blkio_config.device_read_iops", {"path", "rate"}},
        {"services.*.blkio_config.device_write_iops", {"path", "rate"}},
        {"models.*", {"model"}},
    };
    return kRules;
}

// ---- the rules of each row ------------------------------------------------------------------------------------------

struct RowRules {
    const WordRule* words = nullptr;
    const BoundRule* bounds = nullptr;
    const FormRule* form = nullptr;
    const RequiredRule* required = nullptr;
    ValueCheck check = nullptr;
};

const std::unordered_map<std::string_view, RowRules>& rules_by_path() {
    static const std::unordered_map<std::string_view, RowRules> kRules = [] {
        std::unordered_map<std::string_view, RowRules> rules;
        for (const WordRule& rule : word_rules()) rules[rule.path].words = &rule;
        for (const BoundRule& rule : kBounds) rules[rule.path].bounds = &rule;
        for (const FormRule& rule : kForms) rules[rule.path].form = &rule;
        for (const RequiredRule& rule : required_rules()) rules[rule.path].required = &rule;
        std::unordered_map<std::string_view, ValueCheck> checks;
        add_service_checks(checks);
        add_file_checks(checks);
        add_network_checks(checks);
        for (const auto& [path, check] : checks) rules[path].check = check;
        return rules;
    }();
    return kRules;
}

std::string_view last_name(std::string_view path) {
    return path.substr(path.rfind('.') + 1);
}

class ValueChecker {
  public:
    ValueChecker(const Tree& tree, Reporter& reporter) : reporter_{tree, reporter} {}

    void run(Node& root) {
        const KeyNode& keys = key_tree();
        for (Entry& entry : root.items()) {
            const auto found = keys.members.find(entry.key->text);
            if (found == keys.members.end() || !entry.value->is_mapping() || entry.value->broken) continue;
            const bool services = entry.key->text == "services";
            for (Entry& member : entry.value->items()) {
                if (services) reporter_.service = member.key->text;
                if (entry.key->text == "models" && member.value->is_null())
                    reporter_.error("value", "the model is missing", *member.key);
                if (!member.value->is_mapping() || member.value->broken || !found->second->named) continue;
                if (entry.key->text == "models") require(*member.value, required_rules().back(), *member.key);
                auto visit = [this](Entry& one, const KeyNode& known) { return check(one, *known.row); };
                walk_keys(*member.value, *found->second->named, visit);
            }
            reporter_.service.clear();
        }
    }

  private:
    bool check(Entry& entry, const KeyRow& row) {
        Node& value = *entry.value;
        if (value.is_null()) return false;
        if (row.shape == Shape::bytes) check_size(value, row);
        if (row.shape == Shape::number) check_not_negative(value, row);
        const auto found = rules_by_path().find(row.path);
        if (found == rules_by_path().end()) return true;
        const RowRules& rules = found->second;
        if (rules.words)
            each_text(value, [&](Node& text) {
                reporter_.expect_word(text, rules.words->words, rules.words->what);
            });
        if (rules.bounds) check_bounds(value, *rules.bounds);
        if (rules.form) each_text(value, [&](Node& text) { check_form(text, *rules.form); });
        if (rules.required) check_required(value, *rules.required);
        if (rules.check && is_usable(&value)) rules.check(reporter_, value);
        return true;
    }

    // The text itself, or those of a list or map.
    template <class Visit>
    static void each_text(Node& value, Visit visit) {
        if (value.is_scalar() && is_usable(&value)) visit(value);
        for (Entry& entry : value.items())
            if (is_usable(entry.value) && entry.value->is_scalar()) visit(*entry.value);
    }

    void check_form(Node& text, const FormRule& rule) {
        if (!rule.test(text.text))
            reporter_.fault(text, fmt::format("invalid {} \"{}\"", rule.what, text.text)).hint = rule.hint;
    }

    void check_size(Node& value, const KeyRow& row) {
        const std::int64_t least = row.path == "services.*.memswap_limit" ? -1 : 0;
        if (const auto size = bytes_value(&value); size && *size < least)
            reporter_.fault(value, fmt::format("a size can't be negative: {}", *size));
    }

    void check_not_negative(Node& value, const KeyRow& row) {
        if (const auto number = number_value(&value); number && !(*number >= 0 && *number < 1e6))
            reporter_.fault(value, fmt::format("{} can't be {}", last_name(row.path), value.text));
    }

    void check_bounds(Node& value, const BoundRule& rule) {
        const auto number = integer_value(&value);
        if (!number || (*number >= rule.low && *number <= rule.high)) return;
        const std::string_view what = last_name(rule.path);
        if (rule.high == kNoBound)
            reporter_.fault(value, fmt::format("{} can't be {}", what, *number)).hint =
                rule.low < 0 ? "-1 means unlimited" : "";
        else
            reporter_.fault(
                value, fmt::format("{} must be from {} to {}, not {}", what, rule.low, rule.high, *number));
    }

    void check_required(Node& value, const RequiredRule& rule) {
        if (value.is_mapping()) require(value, rule, value);
        if (value.is_sequence())
            for (Entry& item : value.items())
                if (item.value->is_mapping() && !item.value->broken) require(*item.value, rule, *item.value);
    }

    void require(Node& map, const RequiredRule& rule, const Node& place) {
        for (const std::string_view name : rule.members) {
            const Node* member = map.find(name);
            const bool empty = !member || (member->is_scalar() && trim(member->text).empty());
            if (!empty || map.broken) continue;
            map.broken = true;
            reporter_.error("value", fmt::format("the {} is missing", name), place);
        }
    }

    NodeReporter reporter_;
};

}  // namespace

void check_values(const Tree& tree, Node& root, Reporter& reporter) {
    ValueChecker{tree, reporter}.run(root);
}

}  // namespace stack::compose
