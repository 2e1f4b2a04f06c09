#include "manager/engine/security_profiles.hpp"

#include "manager/plan/blame.hpp"
#include "runtime/base/error.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/seccomp_file.hpp"
#include "runtime/security_labels.hpp"

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::engine {

namespace {

constexpr int kLastCapability = 63;

SeccompProfile service_profile(const compose::Service& service, std::uint64_t capabilities) {
    const std::string& file = service.security.seccomp_file;
    try {
        return read_seccomp_file(file, seccomp_file_host(capabilities));
    } catch (Error& error) {
        // A fault inside the profile keeps its own place; who asked for the file is told beside it.
        if (error.position()) throw error.add_context(fmt::format("security_opt seccomp={}", file));
        throw plan::blame(std::move(error.add_context("security_opt")), service, "security_opt");
    }
}

// `user:role:type:level`; what the service doesn't set is that of containers in the reference policy.
std::string process_label(const std::vector<std::string>& parts) {
    std::array<std::pair<std::string_view, std::string>, 4> label{
        {{"user", "system_u"}, {"role", "system_r"}, {"type", "container_t"}, {"level", "s0"}}};
    for (const std::string& part : parts) {
        const std::size_t colon = part.find(':');
        for (auto& [name, value] : label)
            if (part.substr(0, colon) == name) value = part.substr(colon + 1);
    }
    return fmt::format("{}:{}:{}:{}", label[0].second, label[1].second, label[2].second, label[3].second);
}

void expect_apparmor(const compose::Service& service) {
    ProcessSpec process;
    process.apparmor_profile = service.security.apparmor_profile;
    try {
        check_labels(process, {});
    } catch (Error& error) {
        throw plan::blame(error.with_hint("apparmor=unconfined runs everywhere"), service, "security_opt");
    }
}

}  // namespace

void check_security_profiles(const compose::Service& service) {
    if (!service.security.seccomp_file.empty()) static_cast<void>(service_profile(service, 0));
    expect_apparmor(service);
}

void apply_security_profiles(const compose::Service& service, ContainerSpec& spec) {
    const compose::SecurityOptions& security = service.security;
    if (!security.seccomp_file.empty()) {
        const std::uint64_t capabilities =
            capability_mask(spec.process.capabilities.bounding, kLastCapability);
        spec.seccomp = {SeccompSpec::Kind::profile, service_profile(service, capabilities)};
    }
    expect_apparmor(service);
    spec.process.apparmor_profile = security.apparmor_profile;
    if (!security.label_parts.empty() && host_has_selinux())
        spec.process.selinux_label = process_label(security.label_parts);
}

std::optional<std::string> security_note(const compose::Service& service) {
    if (service.security.label_parts.empty() || host_has_selinux()) return std::nullopt;
    return fmt::format("security_opt label={} of service \"{}\" has no effect: this host has no SELinux",
                       service.security.label_parts.front(), service.name);
}

}  // namespace stack::engine
