#include "manager/compose/value_forms.hpp"

#include "manager/compose/short_syntax.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <arpa/inet.h>
#include <string.h>

#include <algorithm>
#include <array>

namespace stack::compose {

namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_hex_digit(char c) {
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9');
}

std::string upper_case(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return result;
}

bool is_name_text(std::string_view text) {
    return !text.empty() && is_letter_or_digit(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-';
    });
}

// Bytes of an address, 4 or 16; empty when it is none.
std::string address_bytes(std::string_view text) {
    std::array<char, 16> buffer{};
    const std::string address{text};
    if (::inet_pton(AF_INET, address.c_str(), buffer.data()) == 1) return {buffer.data(), 4};
    if (::inet_pton(AF_INET6, address.c_str(), buffer.data()) == 1) return {buffer.data(), 16};
    return {};
}

// `type:container_t`: a part of an SELinux label that is set by itself.
bool is_label_part(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    return colon != std::string_view::npos && colon + 1 < text.size() &&
           (part == "user" || part == "role" || part == "type" || part == "level");
}

// Parts of the names of devices, Container Device Interface 1.1.
bool is_ascii_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_ascii_alphanumeric(char c) {
    return is_ascii_letter(c) || (c >= '0' && c <= '9');
}

// Alphanumeric at the ends, also one of `inner` between them.
bool is_cdi_part(std::string_view text, std::string_view inner, bool begins_with_letter) {
    if (text.empty() || !is_ascii_alphanumeric(text.front()) || !is_ascii_alphanumeric(text.back()))
        return false;
    if (begins_with_letter && !is_ascii_letter(text.front())) return false;
    return std::all_of(text.begin(), text.end(), [inner](char c) {
        return is_ascii_alphanumeric(c) || inner.find(c) != std::string_view::npos;
    });
}

}  // namespace

bool is_image_text(std::string_view text) {
    return !text.empty() && text.find_first_of(" \t\n") == std::string_view::npos;
}

bool is_container_name(std::string_view text) {
    return text.size() >= 2 && is_name_text(text);
}

bool is_profile_name(std::string_view text) {
    return is_name_text(text);
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 64) return false;  // HOST_NAME_MAX
    const std::vector<std::string> labels = split(text, '.');
    return std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
        return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
               std::all_of(label.begin(), label.end(),
                           [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
    });
}

bool is_signal(std::string_view text) {
    if (const auto number = parse_int(text)) return *number >= 1 && *number <= 64;
    std::string name = upper_case(text);
    if (name.starts_with("SIG")) name = name.substr(3);
    if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) return true;
    for (int number = 1; number < 32; ++number)
        if (const char* candidate = ::sigabbrev_np(number); candidate && name == candidate) return true;
    return name == "IOT" || name == "CLD" || name == "POLL";
}

bool is_platform(std::string_view text) {
    const std::vector<std::string> parts = split(text, '/');
    return parts.size() <= 3 && std::all_of(parts.begin(), parts.end(),
                                            [](const std::string& part) { return is_name_text(part); });
}

bool is_time_span(std::string_view text) {
    const auto span = parse_duration(text);
    return span && span->count() > 0;
}

bool is_pull_policy(std::string_view text) {
    for (const std::string_view word :
         {"always", "never", "missing", "if_not_present", "build", "daily", "weekly", "refresh"})
        if (text == word) return true;
    return text.starts_with("every_") && is_time_span(text.substr(6));
}

bool is_mac_address(std::string_view text) {
    if (text.size() != 17) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (i % 3 == 2 ? text[i] != ':' && text[i] != '-' : !is_hex_digit(text[i])) return false;
    return true;
}

bool is_ipv4_address(std::string_view text) {
    return address_bytes(text).size() == 4;
}

bool is_ipv6_address(std::string_view text) {
    return address_bytes(text).size() == 16;
}

bool is_cidr(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return false;
    const std::size_t bytes = address_bytes(text.substr(0, slash)).size();
    const auto bits = parse_int(text.substr(slash + 1));
    return bytes > 0 && bits && *bits >= 0 && *bits <= static_cast<long long>(bytes * 8);
}

bool is_interface_name(std::string_view text) {
    return !text.empty() && text.size() <= 15 && text != "." && text != ".." &&  // IFNAMSIZ - 1
           text.find_first_of("/ \t\n:") == std::string_view::npos;
}

bool is_cpu_set(std::string_view text) {
    const std::vector<std::string> ranges = split(text, ',');
    return std::all_of(ranges.begin(), ranges.end(), [](const std::string& range) {
        const std::size_t dash = range.find('-');
        const auto first = parse_int(std::string_view{range}.substr(0, dash));
        const auto last =
            dash == std::string::npos ? first : parse_int(std::string_view{range}.substr(dash + 1));
        return first && last && *first >= 0 && *first <= *last;
    });
}

bool is_cgroup_parent(std::string_view text) {
    bool any = false;
    for (const std::string& part : split(text, '/')) {
        if (part == "." || part == "..") return false;
        any = any || !part.empty();
    }
    return any &&
           std::none_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

bool is_device_permissions(std::string_view text) {
    return !text.empty() && text.find_first_not_of("rwm") == std::string_view::npos;
}

bool is_device_cgroup_rule(std::string_view text) {
    const std::vector<std::string> parts = split(text, ' ');
    if (parts.size() != 3 || (parts[0] != "a" && parts[0] != "b" && parts[0] != "c")) return false;
    const std::vector<std::string> numbers = split(parts[1], ':');
    return numbers.size() == 2 && is_device_permissions(parts[2]) &&
           std::all_of(numbers.begin(), numbers.end(), [](const std::string& number) {
               return number == "*" || parse_int(number).value_or(-1) >= 0;
           });
}

bool is_device_kind(std::string_view text) {
    const std::size_t slash = text.find('/');
    return slash != std::string_view::npos && is_cdi_part(text.substr(0, slash), "_-.", true) &&
           is_cdi_part(text.substr(slash + 1), "_-", true);
}

bool is_device_name(std::string_view text) {
    return is_cdi_part(text, "_-.:", false);
}

bool is_qualified_device(std::string_view text) {
    const std::size_t equals = text.find('=');
    return equals != std::string_view::npos && is_device_kind(text.substr(0, equals)) &&
           is_device_name(text.substr(equals + 1));
}

bool is_security_option(std::string_view text) {
    const auto [name, value] = parse_security_option(text);
    if (name == "no-new-privileges") return text == name || value == "true" || value == "false";
    if (name == "systempaths") return value == "unconfined";
    if (name == "label") return value == "disable" || is_label_part(value);
    return !value.empty() && (name == "seccomp" || name == "apparmor");
}

SecurityOption parse_security_option(std::string_view text) {
    const std::size_t cut = text.find_first_of(":=");
    if (cut == std::string_view::npos) return {text, {}};
    return {text.substr(0, cut), text.substr(cut + 1)};
}

bool is_time_offset(std::string_view text) {
    return parse_time_offset(text).has_value();
}

std::optional<std::chrono::nanoseconds> parse_time_offset(std::string_view text) {
    const bool behind = text.starts_with('-');
    const auto span = parse_duration(behind ? text.substr(1) : text);
    if (!span) return std::nullopt;
    return behind ? -*span : *span;
}

bool is_namespaced_sysctl(std::string_view name) {
    return name.starts_with("net.") || name.starts_with("fs.mqueue.") || name.starts_with("kernel.shm") ||
           name.starts_with("kernel.msg") || name == "kernel.sem";
}

bool is_service_reference(std::string_view text) {
    return (text.starts_with("service:") && text.size() > 8) ||
           (text.starts_with("container:") && text.size() > 10);
}

bool subnet_holds(std::string_view cidr, std::string_view address) {
    if (!is_cidr(cidr)) return false;
    const std::size_t slash = cidr.find('/');
    const std::string network = address_bytes(cidr.substr(0, slash)), host = address_bytes(address);
    if (network.size() != host.size()) return false;
    const auto bits = static_cast<std::size_t>(*parse_int(cidr.substr(slash + 1)));
    for (std::size_t bit = 0; bit < bits; ++bit) {
        const auto mask = static_cast<unsigned char>(0x80 >> (bit % 8));
        if (((static_cast<unsigned char>(network[bit / 8]) ^ static_cast<unsigned char>(host[bit / 8])) &
             mask) != 0)
            return false;
    }
    return true;
}

const std::vector<std::string>& capability_names() {
    static const std::vector<std::string> kNames = {"CHOWN",
                                                    "DAC_OVERRIDE",
                                                    "DAC_READ_SEARCH",
                                                    "FOWNER",
                                                    "FSETID",
                                                    "KILL",
                                                    "SETGID",
                                                    "SETUID",
                                                    "SETPCAP",
                                                    "LINUX_IMMUTABLE",
                                                    "NET_BIND_SERVICE",
                                                    "NET_BROADCAST",
                                                    "NET_ADMIN",
                                                    "NET_RAW",
                                                    "IPC_LOCK",
                                                    "IPC_OWNER",
                                                    "SYS_MODULE",
                                                    "SYS_RAWIO",
                                                    "SYS_CHROOT",
                                                    "SYS_PTRACE",
                                                    "SYS_PACCT",
                                                    "SYS_ADMIN",
                                                    "SYS_BOOT",
                                                    "SYS_NICE",
                                                    "SYS_RESOURCE",
                                                    "SYS_TIME",
                                                    "SYS_TTY_CONFIG",
                                                    "MKNOD",
                                                    "LEASE",
                                                    "AUDIT_WRITE",
                                                    "AUDIT_CONTROL",
                                                    "SETFCAP",
                                                    "MAC_OVERRIDE",
                                                    "MAC_ADMIN",
                                                    "SYSLOG",
                                                    "WAKE_ALARM",
                                                    "BLOCK_SUSPEND",
                                                    "AUDIT_READ",
                                                    "PERFMON",
                                                    "BPF",
                                                    "CHECKPOINT_RESTORE"};
    return kNames;
}

const std::vector<std::string>& ulimit_names() {
    static const std::vector<std::string> kNames = {
        "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
        "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
    return kNames;
}

std::optional<std::string> capability_name(std::string_view text) {
    std::string name = upper_case(text);
    if (name.starts_with("CAP_")) name = name.substr(4);
    const std::vector<std::string>& names = capability_names();
    if (name != "ALL" && std::find(names.begin(), names.end(), name) == names.end()) return std::nullopt;
    return name;
}

}  // namespace stack::compose
