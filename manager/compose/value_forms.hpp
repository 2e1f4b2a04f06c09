// What single texts of a Compose file may look like: names, addresses, modes. Pure predicates; who asks them for which
// key is value_checks.cpp.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::compose {

bool is_image_text(std::string_view text);      ///< not empty, no blanks
bool is_container_name(std::string_view text);  ///< `[a-zA-Z0-9][a-zA-Z0-9_.-]+`
bool is_profile_name(std::string_view text);    ///< the same, one character is enough
bool is_host_name(std::string_view text);       ///< labels of letters, digits, "-", "_"
bool is_signal(std::string_view text);          ///< `SIGTERM`, `term`, `15`
bool is_platform(std::string_view text);        ///< `os[/arch[/variant]]`
bool is_time_span(std::string_view text);       ///< a duration of more than nothing
bool is_pull_policy(std::string_view text);     ///< a word, or `every_<duration>`
bool is_mac_address(std::string_view text);     ///< six pairs of hex digits
bool is_ipv4_address(std::string_view text);
bool is_ipv6_address(std::string_view text);
bool is_cidr(std::string_view text);                ///< `10.5.0.0/16`
bool is_interface_name(std::string_view text);      ///< up to 15 characters, no slash, no blank
bool is_cgroup_parent(std::string_view text);       ///< `/a/b`, `a/b`, `name.slice`
bool is_cpu_set(std::string_view text);             ///< `0-3,5`
bool is_device_permissions(std::string_view text);  ///< of r, w and m
bool is_device_cgroup_rule(std::string_view text);  ///< `c 1:3 rwm`
bool is_device_kind(std::string_view text);         ///< of CDI: `vendor.com/class`
bool is_device_name(std::string_view text);         ///< of CDI, within its kind: `0`, `all`, `mig-1:2`
bool is_qualified_device(std::string_view text);    ///< of CDI, whole: `vendor.com/class=name`
bool is_security_option(std::string_view text);
/// An option of `security_opt`: `no-new-privileges`, `seccomp=unconfined`, `label:disable`.
struct SecurityOption {
    std::string_view name;
    std::string_view value;  ///< empty: none was given
};
SecurityOption parse_security_option(std::string_view text);
bool is_time_offset(std::string_view text);  ///< a duration, or one with a minus sign
std::optional<std::chrono::nanoseconds> parse_time_offset(std::string_view text);
bool is_namespaced_sysctl(std::string_view name);
bool is_service_reference(std::string_view text);  ///< `service:NAME` or `container:NAME`

/// True when `address` lies in the subnet; false as well when either can't be read or the families differ.
bool subnet_holds(std::string_view cidr, std::string_view address);

/// Upper case, without `CAP_`; nullopt for a name that is no capability. `ALL` is one here.
std::optional<std::string> capability_name(std::string_view text);
const std::vector<std::string>& capability_names();
const std::vector<std::string>& ulimit_names();

}  // namespace stack::compose
