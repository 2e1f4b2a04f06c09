#include "runtime/oci/config_reader.hpp"

#include "runtime/base/error.hpp"
#include "runtime/oci/config_parts.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

// Any 1.x: minor versions only add keys, and keys that are unknown here are ignored.
std::string checked_version(const JsonNode& node) {
    const std::string version = node.required_text();
    if (!version.starts_with("1."))
        throw Error{ErrorKind::not_supported, fmt::format("ociVersion \"{}\" is not supported", version)}
            .with_hint("this runtime reads versions 1.0.0 to 1.3.0 of the specification");
    return version;
}

bool is_bind(const MountSpec& mount) {
    return mount.type == "bind" ||
           std::any_of(mount.options.begin(), mount.options.end(),
                       [](const std::string& option) { return option == "bind" || option == "rbind"; });
}

}  // namespace

void refuse(const JsonNode& node, std::string hint) {
    throw Error{ErrorKind::not_supported, fmt::format("{} is not supported", node.path())}.with_hint(
        std::move(hint));
}

std::string absolute_path(const JsonNode& node) {
    std::string path = node.required_text();
    if (!path.starts_with('/')) node.fail(fmt::format("is \"{}\", which is not an absolute path", path));
    return path;
}

OciConfig read_config(std::string_view text) {
    const nlohmann::json document = parse_document(text, "config.json");
    const JsonNode config{document};
    OciConfig result;
    ContainerSpec& spec = result.spec;
    result.version = checked_version(config["ociVersion"]);
    spec.root = read_root(config["root"]);
    spec.process = read_process(config["process"], result.warnings);
    spec.hostname = config["hostname"].text();
    spec.domainname = config["domainname"].text();
    spec.mounts = read_mounts(config["mounts"]);
    spec.hooks = read_hooks(config["hooks"]);
    spec.annotations = config["annotations"].text_map();
    read_linux(config["linux"], spec, result.warnings);
    return result;
}

ProcessSpec read_process_document(std::string_view text, std::vector<std::string>& warnings) {
    const nlohmann::json document = parse_document(text, "the process document");
    return read_process(JsonNode{document, "process"}, warnings);
}

ResourceSpec read_resources_document(std::string_view text, std::vector<std::string>& warnings) {
    const nlohmann::json document = parse_document(text, "the resources document");
    return read_resources(JsonNode{document, "resources"}, warnings);
}

void resolve_bundle_paths(ContainerSpec& spec, const std::string& bundle) {
    if (!spec.root.path.starts_with('/')) spec.root.path = bundle + "/" + spec.root.path;
    for (MountSpec& mount : spec.mounts)
        if (is_bind(mount) && !mount.source.starts_with('/')) mount.source = bundle + "/" + mount.source;
}

}  // namespace stack::oci
