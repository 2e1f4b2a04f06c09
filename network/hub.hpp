// A project's hub: one network namespace that holds all its bridges.
//
//   container netns            hub netns                                 host netns
//   eth0 ───── veth ───── bridge (one a network) ── rules ── uplink ═══ stk-1a2b3c4d ── rules, routes ── the
//   world
//
// The hub is pinned by a bind mount in the project's run directory, so it outlives every process. What the
// host sees of a project is the uplink, the routes over it and one nft table; removing the uplink and the pin
// removes everything. All of it is in the record before it exists (network_store).
//
// Calls block for milliseconds at most and may come from any thread; a Hub locks itself. Rootless hubs will
// differ in `Uplink` alone.
#pragma once

#include "network/endpoint_namespace.hpp"
#include "network/ipam.hpp"
#include "network/network_spec.hpp"
#include "runtime/base/fd.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stack::network {

/// Who joins the hub to the world.
enum class Uplink {
    veth,  ///< a veth pair and rules on the host; needs CAP_NET_ADMIN there
    none,  ///< nobody: containers talk among themselves only
};

struct HubOptions {
    std::string project;
    std::string run_directory;   ///< the project's, exists; the pin `hub.ns` is made there
    std::string data_directory;  ///< the data root: networks/ and hubs/ below it
    std::vector<Pool> pools = default_pools();
    Uplink uplink = Uplink::veth;
};

class Hub {
  public:
    /// Opens the project's hub or makes it. Idempotent; repairs what is missing on the host side. Throws
    /// Error.
    static Hub create(const HubOptions& options);
    /// The hub as recorded, nullopt when there is none (never made, removed, or gone with a reboot). Throws
    /// Error.
    static std::optional<Hub> open(const HubOptions& options);
    ~Hub();
    Hub(Hub&&) noexcept;
    Hub& operator=(Hub&&) noexcept;

    /// For the keeper and for PortProxy.
    [[nodiscard]] int namespace_fd() const;
    /// What the user should know, once: "turned on net.ipv4.ip_forward", …
    [[nodiscard]] std::vector<std::string> take_notes();
    /// The host as containers see it: the address behind `host-gateway`.
    [[nodiscard]] std::string host_gateway() const;

    /// Records and makes a network; completes subnet and gateway. A network that exists is returned as it is.
    /// Throws Error(conflict) when the name belongs to another project or the subnet overlaps a sibling's.
    NetworkSpec ensure_network(const NetworkSpec& wanted);
    /// Missing is fine. Throws Error(conflict) while addresses of it are in use, unless `force`.
    void remove_network(const std::string& name, bool force = false);
    [[nodiscard]] std::vector<NetworkSpec> networks() const;

    /// Chooses and records the addresses of a container's seats: ip (a given one is kept), prefix_length,
    /// mac, interface (ethN in order when empty) and gateway (on the first network that leads out). All or
    /// nothing. An owner that has an address on a network already gets the same again.
    std::vector<EndpointSpec> allocate(const std::string& owner, std::vector<EndpointSpec> seats);
    /// Gives up all addresses of an owner.
    void release(const std::string& owner);

    /// A new namespace with `lo`, the DNS sockets and one interface a seat, joined to its bridge. It is
    /// detached by dropping every descriptor and process in it. `given`: this namespace instead of a new one.
    EndpointNamespace make_endpoint(const std::vector<EndpointSpec>& seats, UniqueFd given = {});
    /// One more seat for a namespace that exists.
    void attach(int netns, const EndpointSpec& seat);

    /// Lets connections from this host to `port` go straight to the container, where that is possible (the
    /// network is routed; IPv4). False where only the proxy can serve. `port.host_port` is set.
    bool add_fast_path(const PublishedPort& port, const EndpointSpec& seat);
    void remove_fast_path(const PublishedPort& port);

  private:
    struct Impl;
    explicit Hub(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Removes whatever the records name: host link, table, foreign rules, pin, network records, hub record.
/// Needs nothing open, may be repeated, goes on after failures and throws the first Error at the end.
void remove_hub(const HubOptions& options);

}  // namespace stack::network
