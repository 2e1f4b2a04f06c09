// Network namespaces made, named and prepared (work inside one: runtime/base/network_namespace.hpp). A namespace lives as
// long as a descriptor, a socket, a process or a bind mount holds it. See network_namespaces(7).
#pragma once

#include "runtime/base/fd.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace stack::network {

/// A new namespace, `setup` run inside it (may be empty). Throws Error.
UniqueFd make_namespace(const std::function<void()>& setup);

/// `given` with `setup` run inside it, or a new one when it is invalid. Throws Error.
UniqueFd set_up_namespace(UniqueFd given, const std::function<void()>& setup);

/// Gives the namespace a name in the file system: an empty file, `netns` bind-mounted on it. Throws Error.
void pin_namespace(int netns, const std::string& path);
/// The namespace pinned at `path`; invalid when there is none (no file, or one that a reboot left empty).
UniqueFd open_pinned_namespace(const std::string& path);
/// Unmounts and unlinks; missing is fine. Throws Error.
void unpin_namespace(const std::string& path);

/// Writes /proc/sys/net/`name` (slashes, no dots) of the calling thread's namespace. Throws Error.
void write_sysctl(std::string_view name, std::string_view value);
/// First word of it; empty when the kernel has no such setting.
std::string read_sysctl(std::string_view name);

/// `lo` of the calling thread's namespace. Throws Error.
void set_up_loopback();
/// Lets every group use ICMP sockets, so that ping needs no capability (icmp(7)).
void allow_ping();

/// A container's namespace without any network: `lo` up, ping allowed without privileges. `given` as above.
UniqueFd make_isolated_namespace(UniqueFd given = {});

}  // namespace stack::network
