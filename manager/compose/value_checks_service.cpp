// Values of services that are not files: commands, health checks, namespaces, limits.
#include "manager/compose/node_values.hpp"
#include "manager/compose/user_namespace_mode.hpp"
#include "manager/compose/value_checks.hpp"
#include "manager/compose/value_forms.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

namespace {

void check_restart(NodeReporter& reporter, Node& value) {
    Parsed<RestartPolicy> parsed = parse_restart(value.text);
    reporter.accept(parsed, value);
}

void check_stop_signal(NodeReporter& reporter, Node& value) {
    if (!is_signal(value.text))
        reporter.fault(value, fmt::format("unknown signal \"{}\"", value.text)).hint =
            "write a name like SIGTERM or a number from 1 to 64";
}

void check_microseconds(NodeReporter& reporter, Node& value) {
    if (!parse_int(value.text) && !parse_duration(value.text))
        reporter.fault(value, fmt::format("\"{}\" is not a time", value.text)).hint =
            "write a number of microseconds, or a duration such as 400us";
}

// Each is passed on as a flag; a list repeats it.
void check_provider_options(NodeReporter& reporter, Node& options) {
    if (!options.is_mapping()) {
        reporter.fault(options, "provider.options must be a map");
        return;
    }
    const auto is_flag = [](const Node& value) { return value.is_scalar() || value.is_null(); };
    for (Entry& entry : options.items()) {
        const auto items = entry.value->items();
        const bool legal = entry.value->is_sequence()
                               ? std::all_of(items.begin(), items.end(),
                                             [&](const Entry& item) { return is_flag(*item.value); })
                               : is_flag(*entry.value);
        if (!legal && !entry.value->broken)
            reporter.fault(
                *entry.value,
                fmt::format("provider.options.{} must be a value or a list of values", entry.key->text));
    }
}

void check_variables(NodeReporter& reporter, Node& map) {
    for (const Entry& entry : map.items())
        if (entry.key->text.empty() && !entry.value->broken)
            reporter.fault(*entry.value, "a variable has no name").hint = "write NAME=VALUE";
}

void check_health_test(NodeReporter& reporter, Node& test) {
    if (!test.is_sequence() || test.count == 0 || !is_usable(test.items()[0].value)) return;
    Node& first = *test.items()[0].value;
    if (first.text == "NONE") return;
    if (first.text != "CMD" && first.text != "CMD-SHELL")
        reporter.fault(first, fmt::format("healthcheck.test can't begin with \"{}\"", first.text)).hint =
            "the first item is CMD, CMD-SHELL or NONE; a single string is run by a shell";
    else if (test.count < 2)
        reporter.fault(test, fmt::format("healthcheck.test has no command behind {}", first.text));
}

void check_capabilities(NodeReporter& reporter, Node& list) {
    for (const Entry& entry : list.items()) {
        if (!is_usable(entry.value) || capability_name(entry.value->text)) continue;
        const std::string text{entry.value->text};
        Diagnostic& diagnostic = reporter.fault(*entry.value, fmt::format("unknown capability \"{}\"", text));
        if (const auto near = nearest(text, capability_names()))
            diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
    }
}

void check_ulimit(NodeReporter& reporter, std::string_view name, Node& limit) {
    const auto soft = integer_value(limit.find("soft")), hard = integer_value(limit.find("hard"));
    if (!soft || !hard) {
        const auto is_broken = [&](std::string_view key) {
            return limit.find(key) && limit.find(key)->broken;
        };
        if (!is_broken("soft") && !is_broken("hard"))
            reporter.fault(limit, fmt::format("ulimit {} needs both soft and hard", name));
        return;
    }
    if (*soft < -1 || *hard < -1)
        reporter.fault(limit, fmt::format("ulimit {} can't be negative", name)).hint = "-1 means unlimited";
    else if (*hard != -1 && (*soft == -1 || *soft > *hard))
        reporter.fault(limit, fmt::format("the soft limit of {} is above the hard one", name)).hint =
            "soft can be at most hard";
}

void check_ulimits(NodeReporter& reporter, Node& map) {
    const std::vector<std::string>& names = ulimit_names();
    for (const Entry& entry : map.items()) {
        if (!is_usable(entry.value)) continue;
        const std::string name{entry.key->text};
        if (std::find(names.begin(), names.end(), name) != names.end()) {
            check_ulimit(reporter, name, *entry.value);
            continue;
        }
        entry.value->broken = true;
        Diagnostic& diagnostic =
            reporter.error("value", fmt::format("unknown ulimit \"{}\"", name), *entry.key);
        if (const auto near = nearest(name, names))
            diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
    }
}

void check_sysctls(NodeReporter& reporter, Node& map) {
    for (const Entry& entry : map.items())
        if (!is_namespaced_sysctl(entry.key->text) && !entry.value->broken)
            reporter
                .fault(*entry.value,
                       fmt::format("the kernel parameter \"{}\" is not per container", entry.key->text))
                .hint = "net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.* are";
}

void check_namespace(NodeReporter& reporter, Node& value, std::vector<std::string> words,
                     std::string_view what) {
    if (is_service_reference(value.text)) return;
    words.insert(words.end(), {"service:NAME", "container:NAME"});
    reporter.expect_word(value, words, what);
}
void check_network_mode(NodeReporter& reporter, Node& value) {
    check_namespace(reporter, value, {"none", "host", "bridge"}, "network_mode");
}
void check_pid(NodeReporter& reporter, Node& value) {
    check_namespace(reporter, value, {"host"}, "pid");
}
void check_ipc(NodeReporter& reporter, Node& value) {
    check_namespace(reporter, value, {"private", "shareable", "host", "none"}, "ipc");
}

void check_userns_mode(NodeReporter& reporter, Node& value) {
    if (user_namespace_ids(value.text) || is_podman_userns_mode(value.text)) return;
    if (!value.text.starts_with("auto:"))
        return reporter.expect_word(value, {"host", "private", "auto"}, "userns_mode");
    reporter.fault(value, fmt::format("userns_mode \"{}\" is not understood", value.text)).hint =
        fmt::format("write auto, or auto:size=NUMBER with 1 to {} ids", kMaxUserNamespaceIds);
}

void check_references(NodeReporter& reporter, Node& list, std::string_view what, std::string_view hint,
                      bool (*test)(const std::vector<std::string>&)) {
    for (const Entry& entry : list.items()) {
        if (!is_usable(entry.value)) continue;
        const std::vector<std::string> parts = split(entry.value->text, ':');
        const bool blank =
            std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); });
        if (blank || !test(parts))
            reporter.fault(*entry.value, fmt::format("invalid {} \"{}\"", what, entry.value->text)).hint =
                hint;
    }
}

bool is_link(const std::vector<std::string>& parts) {
    return parts.size() <= 2;
}
void check_links(NodeReporter& reporter, Node& list) {
    check_references(reporter, list, "link", "write SERVICE or SERVICE:ALIAS", is_link);
}
void check_external_links(NodeReporter& reporter, Node& list) {
    check_references(reporter, list, "link", "write CONTAINER or CONTAINER:ALIAS", is_link);
}

void check_volumes_from(NodeReporter& reporter, Node& list) {
    check_references(reporter, list, "volumes_from", "write SERVICE, SERVICE:ro or container:NAME:ro",
                     [](const std::vector<std::string>& parts) {
                         const std::size_t name = parts[0] == "container" ? 1 : 0;
                         if (parts.size() == name + 1) return true;
                         return parts.size() == name + 2 && (parts.back() == "ro" || parts.back() == "rw");
                     });
}

void check_logging(NodeReporter& reporter, Node& map) {
    const std::string driver = member_text(map, "driver");
    const Node* options = usable_member(map, "options");
    if (!options || (!driver.empty() && driver != "json-file" && driver != "local")) return;
    if (Node* size = usable_member(*options, "max-size"); size && size->text != "-1")
        if (parse_bytes(size->text).value_or(0) == 0)
            reporter.fault(*size, fmt::format("max-size \"{}\" is not a size", size->text)).hint =
                "write it like 10m";
    if (Node* files = usable_member(*options, "max-file")) {
        const auto count = parse_int(files->text);
        if (!count || *count < 1 || *count > 100'000)
            reporter.fault(*files, fmt::format("max-file must be from 1 to 100000, not {}", files->text));
    }
}

void check_count(NodeReporter& reporter, Node& list) {
    for (const Entry& entry : list.items()) {
        Node* count = usable_member(*entry.value, "count");
        if (count && count->text != "all" && parse_int(count->text).value_or(-2) < -1)
            reporter.fault(*count, fmt::format("count can't be \"{}\"", count->text)).hint =
                "write a number, or all";
    }
}

}  // namespace

void add_service_checks(std::unordered_map<std::string_view, ValueCheck>& checks) {
    checks.insert({{"services.*.restart", check_restart},
                   {"services.*.stop_signal", check_stop_signal},
                   {"services.*.cpu_rt_period", check_microseconds},
                   {"services.*.cpu_rt_runtime", check_microseconds},
                   {"services.*.provider.options", check_provider_options},
                   {"services.*.environment", check_variables},
                   {"services.*.post_start[].environment", check_variables},
                   {"services.*.pre_stop[].environment", check_variables},
                   {"services.*.pre_start[].environment", check_variables},
                   {"services.*.healthcheck.test", check_health_test},
                   {"services.*.cap_add", check_capabilities},
                   {"services.*.cap_drop", check_capabilities},
                   {"services.*.ulimits", check_ulimits},
                   {"services.*.build.ulimits", check_ulimits},
                   {"services.*.sysctls", check_sysctls},
                   {"services.*.network_mode", check_network_mode},
                   {"services.*.pid", check_pid},
                   {"services.*.ipc", check_ipc},
                   {"services.*.userns_mode", check_userns_mode},
                   {"services.*.links", check_links},
                   {"services.*.external_links", check_external_links},
                   {"services.*.volumes_from", check_volumes_from},
                   {"services.*.logging", check_logging},
                   {"services.*.gpus", check_count},
                   {"services.*.deploy.resources.reservations.devices", check_count}});
}

}  // namespace stack::compose
