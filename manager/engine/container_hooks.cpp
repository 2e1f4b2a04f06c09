#include "manager/engine/container_hooks.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/state_document.hpp"

#include <nlohmann/json.hpp>

namespace stack::engine {

bool has_creating_hooks(const HookSpecs& hooks) {
    return !hooks.prestart.empty() || !hooks.create_runtime.empty() || !hooks.create_container.empty();
}

std::string hook_state(const ContainerSpec& spec, const std::string& bundle, std::string_view status,
                       pid_t pid) {
    return state_text(
        {.id = spec.id, .status = status, .pid = pid, .bundle = bundle, .annotations = spec.annotations});
}

void write_hook_bundle(const ContainerSpec& spec, const std::string& bundle) {
    nlohmann::ordered_json config;
    config["ociVersion"] = StateDocument{}.oci_version;
    // An overlay is attached at its work directory, for as long as hooks run.
    config["root"]["path"] = spec.root.lower.empty() ? spec.root.path : spec.root.work;
    config["hostname"] = spec.hostname;
    write_file_atomically(bundle + "/config.json",
                          config.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                          Durability::crash, 0600);
}

}  // namespace stack::engine
