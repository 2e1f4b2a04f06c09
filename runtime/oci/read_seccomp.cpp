// `linux.seccomp` of config.json. Names of actions, architectures and system calls are checked by whoever compiles.
#include "runtime/oci/config_parts.hpp"

namespace stack::oci {

SeccompSpec read_seccomp(const JsonNode& seccomp) {
    if (!seccomp.present()) return {SeccompSpec::Kind::unconfined, std::nullopt};
    SeccompProfile profile;
    profile.default_action = seccomp["defaultAction"].required_text();
    profile.default_errno_ret = seccomp["defaultErrnoRet"].number<std::uint32_t>();
    profile.architectures = seccomp["architectures"].texts();
    profile.flags = seccomp["flags"].texts();
    profile.listener_path = seccomp["listenerPath"].text();
    profile.listener_metadata = seccomp["listenerMetadata"].text();
    seccomp["syscalls"].each([&](const JsonNode& entry) {
        SeccompRule rule;
        rule.names = entry["names"].texts();
        if (rule.names.empty()) entry["names"].fail("must name a system call");
        rule.action = entry["action"].required_text();
        rule.errno_ret = entry["errnoRet"].number<std::uint32_t>();
        entry["args"].each([&](const JsonNode& argument) {
            SeccompArgument condition;
            condition.index = argument["index"].required_number<std::uint32_t>();
            if (condition.index > 5) argument["index"].fail("is above 5: system calls have six arguments");
            condition.value = argument["value"].required_number<std::uint64_t>();
            condition.value_two = argument["valueTwo"].number<std::uint64_t>().value_or(0);
            condition.op = argument["op"].required_text();
            rule.arguments.push_back(std::move(condition));
        });
        profile.syscalls.push_back(std::move(rule));
    });
    return {SeccompSpec::Kind::profile, std::move(profile)};
}

}  // namespace stack::oci
