// The project's DNS server: one UDP and one TCP socket per container, made inside its namespace, so the asker
// is known by the socket and nothing on the host's firewall is in the way. Names of the project are answered
// from the zone, others forwarded verbatim to the host's resolvers from the host's namespace. Runs on the
// loop; all calls come from its thread.
#pragma once

#include "network/dns_zone.hpp"
#include "network/network_spec.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/task.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stack::network {

struct DnsClientOptions {
    std::string id;  ///< container id
    dns::Asker asker;
    std::vector<std::string> upstream;  ///< the service's `dns:`, addresses; empty: the host's resolvers
};

class DnsServer {
  public:
    /// `resolv_conf` names the host's resolver file, read again when it has changed. A resolver that says nothing for
    /// `patience` is given up for this try.
    explicit DnsServer(EventLoop& loop, Log log, std::string resolv_conf = "/etc/resolv.conf",
                       std::chrono::milliseconds patience = std::chrono::milliseconds{2000});
    /// Clients stop at once; call `stop` first where tasks must have ended.
    ~DnsServer();
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;

    /// Serves a container. The descriptors may come from hub.make_endpoint or back from the keeper.
    void add_client(DnsClientOptions options, UniqueFd udp, UniqueFd tcp);
    void remove_client(const std::string& id);

    /// What names a container has, from its start on; `remove_names` when it no longer answers.
    void set_names(const std::string& owner, const std::vector<EndpointSpec>& seats);
    void remove_names(const std::string& owner);

    /// Names that are never asked elsewhere, such as services that are not running yet.
    void reserve_names(const std::vector<std::string>& names);

    /// Ends all tasks and waits for them.
    Task<> stop();

  private:
    friend struct DnsTasks;
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// Addresses of the `nameserver` lines (at most 3), text as in resolv.conf(5).
std::vector<std::string> parse_resolvers(std::string_view resolv_conf);

}  // namespace stack::network
