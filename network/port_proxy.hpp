// Serves published ports: accepts on host sockets, connects to containers from inside the hub, copies by
// splice(2). It serves what the fast path does not: clients on the LAN, IPv6, networks the host has no route
// to, other containers. One thread, which lives in the hub's namespace (an accepted socket keeps the host's);
// bounded in connections and flows; when descriptors run out it stops accepting until some are free.
#pragma once

#include "network/network_spec.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/log.hpp"

#include <memory>
#include <optional>
#include <string>

namespace stack::network {

class PortProxy {
  public:
    struct Target {
        std::string ip;  ///< IPv4 of the container
        std::uint16_t port = 0;
        bool operator==(const Target&) const = default;
    };
    struct Limits {
        std::size_t connections = 4096;  ///< TCP, of all ports together
        std::size_t flows = 4096;        ///< UDP
    };

    /// Starts the thread in `hub_namespace` (borrowed for the call). Throws Error.
    PortProxy(int hub_namespace, Log log) : PortProxy{hub_namespace, std::move(log), Limits{}} {}
    PortProxy(int hub_namespace, Log log, Limits limits);
    /// Ends the thread; open connections break.
    ~PortProxy();
    PortProxy(const PortProxy&) = delete;
    PortProxy& operator=(const PortProxy&) = delete;

    /// Serves `socket` under `key`. Without a target, connections wait in the socket's queue.
    void add(const std::string& key, const PublishedPort& port, UniqueFd socket,
             std::optional<Target> target);
    void set_target(const std::string& key, std::optional<Target> target);
    /// Closes the socket; connections that are open go on.
    void remove(const std::string& key);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace stack::network
