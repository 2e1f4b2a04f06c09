// Which machine an image is made for (image-spec image-index.md, `platform`), and which of several a machine runs: the
// order is containerd's (`platforms.Only`).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stack {

struct Platform {
    std::string architecture, os, variant;
    bool operator==(const Platform&) const = default;
};

/// This machine, in the words of the specification (amd64, arm64/v8, …).
Platform host_platform();

/// `os/arch[/variant]`, `arch` (of Linux) or `os` (on this machine), with the names that uname and Debian use for some (x86_64, aarch64, armhf).
/// Throws Error(invalid_input).
Platform parse_platform(std::string_view text);
/// `linux/arm64/v8`; a platform without words is "unknown".
std::string platform_text(const Platform& platform);

/// `arm64` and `arm64/v8`, `arm` and `arm/v7`, `amd64` and `amd64/v1` are the same machine.
bool same_platform(const Platform& a, const Platform& b);
/// What runs on `wanted`, best first: itself, older variants of its family, then what its processor runs besides.
std::vector<Platform> platforms_run_by(const Platform& wanted);

}  // namespace stack
