// The texts of /etc/hosts, /etc/hostname and /etc/resolv.conf of a container. Text only: the engine writes
// the files.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack::plan {

struct HostsInputs {
    std::string hostname, domainname;
    std::vector<std::string> addresses;  ///< the container's own, in the order of its interfaces
    std::vector<std::pair<std::string, std::string>> extra_hosts;  ///< as in the file
    std::string host_gateway;  ///< what `host-gateway` stands for; empty: such entries are left out
};
std::string hosts_file(const HostsInputs& inputs);

std::string hostname_file(std::string_view hostname);

/// What a service says about names; each empty list leaves the host's.
struct ResolverChoices {
    std::vector<std::string> servers, search, options;
};
/// The project's resolver at 127.0.0.11 (which asks `servers` in its turn), search domains, and options with `ndots:0`
/// unless they say otherwise. A search domain `.` means none. `host_resolv_conf` is the host's file; anything in it that
/// is no `search`, `domain` or `options` line is left out.
std::string resolv_conf(std::string_view host_resolv_conf, const ResolverChoices& choices);
/// For a container without networks of its own: the host's file, or the service's choices in its place.
std::string host_resolv_conf(std::string_view host_resolv_conf, const ResolverChoices& choices);

}  // namespace stack::plan
