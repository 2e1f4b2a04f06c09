#include "manager/engine/container_hooks.hpp"

#include "runtime/base/atomic_file.hpp"

#include <nlohmann/json.hpp>

namespace stack::engine {

namespace {

constexpr const char* kOciVersion = "1.3.0";

std::string dump(const nlohmann::ordered_json& document) {
    return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

bool has_creating_hooks(const HookSpecs& hooks) {
    return !hooks.prestart.empty() || !hooks.create_runtime.empty() || !hooks.create_container.empty();
}

std::string hook_state(const ContainerSpec& spec, const std::string& bundle, const std::string& status,
                       pid_t pid) {
    nlohmann::ordered_json state;
    state["ociVersion"] = kOciVersion;
    state["id"] = spec.id;
    state["status"] = status;
    state["pid"] = pid;
    state["bundle"] = bundle;
    state["annotations"] = spec.annotations;
    return dump(state);
}

void write_hook_bundle(const ContainerSpec& spec, const std::string& bundle) {
    nlohmann::ordered_json config;
    config["ociVersion"] = kOciVersion;
    // An overlay is attached at its work directory, for as long as hooks run.
    config["root"]["path"] = spec.root.lower.empty() ? spec.root.path : spec.root.work;
    config["hostname"] = spec.hostname;
    write_file_atomically(bundle + "/config.json", dump(config), Durability::crash, 0600);
}

}  // namespace stack::engine
