// The short forms of compose values: "8080:80", "./data:/data:ro", "host=10.0.0.1", "/tmp:size=64m". Pure functions
// from text to model values; messages name the text.
#pragma once

#include "manager/compose/model.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace stack::compose {

/// Why a text can't be read.
struct SyntaxProblem {
    std::string message;
    std::string hint = {};
};
template <class T>
using Parsed = std::variant<T, SyntaxProblem>;

/// `[[IP:]HOST:]CONTAINER[/PROTOCOL]` with ranges, expanded.
Parsed<std::vector<Port>> parse_ports(std::string_view text);
/// One container port or range `80`, `8000-8010`, with optional protocol: what `expose` takes. Normalised text.
Parsed<std::string> parse_exposed_port(std::string_view text);
/// 1…65535.
std::optional<std::uint16_t> parse_port_number(std::string_view text);
bool is_ip_address(std::string_view text);

/// A mount in its short form. A bind source is left as written (relative, `~`).
struct ShortMount {
    bool is_bind = false;  ///< else a volume; without source an anonymous one
    std::string source, target;
    bool read_only = false, nocopy = false;
    std::string propagation, selinux;  ///< empty: not said
};
/// `[SOURCE:]TARGET[:OPTIONS]`.
Parsed<ShortMount> parse_mount(std::string_view text);
/// Only the target; empty when the text is malformed. For merging.
std::string short_mount_target(std::string_view text);
/// `/path[:option,option]`.
Parsed<VolumeMount> parse_tmpfs(std::string_view text);

/// A device in its short form: `HOST[:CONTAINER[:PERMISSIONS]]`, or a CDI name.
struct ShortDevice {
    std::string source, target, permissions;
};
Parsed<ShortDevice> parse_device(std::string_view text);

/// `HOST=IP[,IP]`, `HOST:IP`, brackets around IPv6 allowed; IP may be host-gateway.
Parsed<std::vector<std::pair<std::string, std::string>>> parse_extra_host(std::string_view text);

/// `no`, `always`, `on-failure[:N]`, `unless-stopped`.
Parsed<RestartPolicy> parse_restart(std::string_view text);

/// Splits as a shell would, without running one: quotes and backslashes are understood, nothing else is special.
Parsed<std::vector<std::string>> split_shell_words(std::string_view text);

/// Lexical: `/a//b/../c/` is `/a/c`. Empty stays empty.
std::string clean_path(std::string_view path);

}  // namespace stack::compose
