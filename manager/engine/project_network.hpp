// A project's live network: its hub, its DNS, its published ports, and the namespaces of its containers. What must
// outlive this process is held by the keeper under these names:
//
//   hub           the hub's namespace
//   net/<id>      a container's namespace, DNS sockets (udp, tcp), its user namespace if it has one of its own
//   port/<id>/<n> the host socket of its n-th published port
#pragma once

#include "manager/engine/own_namespaces.hpp"
#include "manager/engine/paths.hpp"
#include "manager/engine/project_store.hpp"
#include "network/dns_server.hpp"
#include "network/hub.hpp"
#include "network/port_proxy.hpp"
#include "network/port_publish.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/task.hpp"
#include "runtime/keeper/keeper_client.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stack::engine {

class ProjectNetwork {
  public:
    ProjectNetwork(EventLoop& loop, const Paths& paths, std::string project, KeeperClient& keeper, Log log,
                   std::function<void(std::string)> note);
    ~ProjectNetwork();

    /// Makes (or finds) the network and records its hash first.
    Task<> create(compose::Network network, std::string config_hash);
    Task<> remove(std::string name);
    Task<> remove_hub();

    /// The container's seats with addresses; records them in the network's leases.
    Task<std::vector<network::EndpointSpec>> allocate(std::string id,
                                                      std::vector<network::EndpointSpec> seats);
    Task<> forget(std::string id);
    [[nodiscard]] std::string host_gateway() const;

    /// Binds the host ports of `service` ahead of its container, or finds that it can't. `own` says which container
    /// may hold one of them already.
    std::vector<Error> reserve(const compose::Service& service, const ContainerRecord* own);
    void drop_reservations();

    /// The namespaces that the container's process enters: its network, and with `record.ids` the user namespace that this
    /// belongs to. Made on first use. Borrowed. Nothing with the host's network.
    Task<OwnNamespaces> enter(ContainerRecord record);
    /// Binds and serves the container's ports; completes `record.ports`.
    void publish(ContainerRecord& record);
    void unpublish(const std::string& id);
    /// Names of a running container.
    void publish_names(const ContainerRecord& record, bool answer);
    /// What the keeper held for a running container.
    void adopt(const ContainerRecord& record, std::vector<KeeperClient::Held>& held);
    Task<> stop();

  private:
    struct Seat;
    struct Bound;
    network::Hub& hub();
    network::PortProxy& proxy();
    void serve_dns(const ContainerRecord& record, const network::EndpointNamespace& space);
    void serve_port(const ContainerRecord& record, std::size_t index, const network::PublishedPort& port,
                    UniqueFd socket);

    EventLoop& loop_;
    const Paths& paths_;
    const std::string project_;
    KeeperClient& keeper_;
    Log log_;
    std::function<void(std::string)> note_;
    std::optional<network::Hub> hub_;
    std::unique_ptr<network::PortProxy> proxy_;
    network::DnsServer dns_;
    std::map<std::string, std::unique_ptr<Seat>> seats_;     ///< by container id
    std::map<std::string, std::vector<Bound>> bound_;        ///< ports in use, by container id
    std::map<std::string, network::ReservedPort> reserved_;  ///< by wanted "ip/port/proto"
};

}  // namespace stack::engine
