// `hooks` of config.json.
#include "runtime/oci/config_parts.hpp"

namespace stack::oci {

namespace {

std::vector<HookSpec> read_hook_list(const JsonNode& list) {
    std::vector<HookSpec> hooks;
    list.each([&](const JsonNode& entry) {
        HookSpec hook;
        hook.path = absolute_path(entry["path"]);
        hook.args = entry["args"].texts();
        hook.env = entry["env"].texts();
        hook.timeout_seconds = entry["timeout"].number<std::int64_t>();
        if (hook.timeout_seconds && *hook.timeout_seconds <= 0)
            entry["timeout"].fail("must be above 0 seconds");
        hooks.push_back(std::move(hook));
    });
    return hooks;
}

}  // namespace

HookSpecs read_hooks(const JsonNode& hooks) {
    HookSpecs result;
    result.prestart = read_hook_list(hooks["prestart"]);
    result.create_runtime = read_hook_list(hooks["createRuntime"]);
    result.create_container = read_hook_list(hooks["createContainer"]);
    result.start_container = read_hook_list(hooks["startContainer"]);
    result.poststart = read_hook_list(hooks["poststart"]);
    result.poststop = read_hook_list(hooks["poststop"]);
    return result;
}

}  // namespace stack::oci
