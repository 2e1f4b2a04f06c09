// Values of mounts, tmpfs, secrets and configs.
#include "manager/compose/node_values.hpp"
#include "manager/compose/value_checks.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

void check_target(NodeReporter& reporter, Node& item, std::string_view target) {
    if (target.starts_with('/') && target != "/") return;
    reporter
        .fault(item, target.empty()  ? std::string{"a volume needs a target"}
                     : target == "/" ? std::string{"a volume can't be mounted on /"}
                                     : fmt::format("the target \"{}\" is not an absolute path", target))
        .hint = "the target is a path inside the container, such as /data";
}

// True when the type is one that can be mounted at all.
bool check_mount_type(NodeReporter& reporter, Node& mount) {
    Node* type = mount.find("type");
    if (!type)
        reporter.fault(mount, "a volume in long form needs a type").hint = "bind, volume, tmpfs or image";
    if (!is_usable(type)) return false;
    if (type->text == "npipe" || type->text == "cluster") {
        type->broken = true;
        reporter.error(
            "not-supported",
            fmt::format("volumes of type \"{}\" are not supported: not on a Linux host", type->text), *type);
        return false;
    }
    reporter.expect_word(*type, {"bind", "volume", "tmpfs", "image"}, "type");
    return !type->broken;
}

void check_mount(NodeReporter& reporter, Node& mount) {
    if (!check_mount_type(reporter, mount)) return;
    const std::string type = member_text(mount, "type");
    Node* source = mount.find("source");
    const bool has_source = source && (source->broken || !source->text.empty());
    if (!has_source && (type == "bind" || type == "image")) {
        reporter.fault(mount, fmt::format("{} mount needs a source", type == "bind" ? "a bind" : "an image"));
        return;
    }
    if (has_source && type == "tmpfs") reporter.fault(*source, "a tmpfs has no source");
    for (const char* options : {"bind", "volume", "tmpfs", "image"}) {
        const Node* node = usable_member(mount, options);
        if (node && type != options)
            reporter.warning("ignored-key",
                             fmt::format("{} options have no effect on a mount of type {}", options, type),
                             *node);
    }
    const Node* target = mount.find("target");
    if (!target || !target->broken) check_target(reporter, mount, target ? target->text : std::string_view{});
}

void check_mounts(NodeReporter& reporter, Node& list) {
    for (const Entry& entry : list.items())
        if (is_usable(entry.value) && entry.value->is_mapping()) check_mount(reporter, *entry.value);
}

void check_tmpfs(NodeReporter& reporter, Node& list) {
    for (const Entry& entry : list.items()) {
        if (!is_usable(entry.value)) continue;
        Parsed<VolumeMount> parsed = parse_tmpfs(entry.value->text);
        if (const auto* mount = reporter.accept(parsed, *entry.value))
            check_target(reporter, *entry.value, mount->target);
    }
}

void check_mode(NodeReporter& reporter, Node& mode) {
    if (octal_value(&mode).value_or(0) > 07777)
        reporter.fault(mode, fmt::format("the mode {} is beyond 07777", mode.text)).hint =
            "write it octal: 0440";
}

}  // namespace

void add_file_checks(std::unordered_map<std::string_view, ValueCheck>& checks) {
    checks.insert({{"services.*.volumes", check_mounts},
                   {"services.*.tmpfs", check_tmpfs},
                   {"services.*.volumes[].tmpfs.mode", check_mode},
                   {"services.*.configs[].mode", check_mode},
                   {"services.*.secrets[].mode", check_mode},
                   {"services.*.build.secrets[].mode", check_mode}});
}

}  // namespace stack::compose
