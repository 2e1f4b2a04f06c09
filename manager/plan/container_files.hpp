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

/// The project's resolver at 127.0.0.11, the host's search domains, `ndots:0` and the host's other options.
/// `host_resolv_conf` is the host's file; anything in it that is no `search`, `domain` or `options` line is
/// left out.
std::string resolv_conf(std::string_view host_resolv_conf);

}  // namespace stack::plan
