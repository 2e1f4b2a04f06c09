// Which sysctls a container may set: those that its own namespaces hold (CVE-2022-0811 is what a looser rule costs).
#pragma once

#include <string>

namespace stack {

/// The file below /proc/sys for a key in either notation (`net.ipv4.ip_forward`, `net/ipv4/conf/eth0.1/forwarding`).
/// Throws Error(invalid_input) for a key that is malformed, not namespaced, or whose namespace is the host's, and for
/// a value with control characters.
std::string checked_sysctl_path(const std::string& key, const std::string& value, bool own_network,
                                bool own_ipc, bool own_uts);

}  // namespace stack
