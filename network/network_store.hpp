// Records of networks and hubs on disk: JSON, versioned, replaced as a whole, written before the kernel
// objects they describe. They tell every project what the others use.
//
//   <data>/networks/<real name>.json   NetworkRecord
//   <data>/hubs/<project>.json         HubRecord
//   <data>/networks.lock               held while addresses are chosen
#pragma once

#include "network/ipam.hpp"
#include "network/network_spec.hpp"
#include "runtime/base/file_lock.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stack::network {

struct NetworkRecord {
    std::string project;
    NetworkSpec spec;     ///< complete
    std::string bridge;   ///< link name in the hub
    bool routed = false;  ///< the host has a route to it, so its subnet must not be routed for anybody else
    std::map<std::string, std::string> leases;  ///< address -> owner (container id)
    bool operator==(const NetworkRecord&) const = default;
};

struct HubRecord {
    std::string project;
    std::string boot;    ///< boot id: after a reboot nothing of the hub exists
    std::string pin;     ///< file on which the namespace is mounted
    std::string uplink;  ///< host link and, in `table`, its rules
    std::string table;
    Prefix link;                              ///< /30: host has the first address, hub the second
    std::vector<std::string> foreign_chains;  ///< chains of table ip filter that got accept rules
    bool complete = false;                    ///< false: its maker was stopped half-way
    bool operator==(const HubRecord&) const = default;
};

class NetworkStore {
  public:
    /// `directory` is the data root; `lock` creates what is missing below it.
    explicit NetworkStore(std::string directory);

    [[nodiscard]] FileLock lock() const;

    /// Throws Error when a record exists but can't be understood.
    [[nodiscard]] std::optional<NetworkRecord> find_network(const std::string& name) const;
    [[nodiscard]] std::optional<HubRecord> find_hub(const std::string& project) const;
    /// Unreadable records are skipped. Sorted by name.
    [[nodiscard]] std::vector<NetworkRecord> networks() const;
    [[nodiscard]] std::vector<HubRecord> hubs() const;

    void save(const NetworkRecord& record) const;
    void save(const HubRecord& record) const;
    /// Missing is fine.
    void remove_network(const std::string& name) const;
    void remove_hub(const std::string& project) const;

  private:
    [[nodiscard]] std::string network_path(const std::string& name) const;
    [[nodiscard]] std::string hub_path(const std::string& project) const;
    std::string directory_;
};

}  // namespace stack::network
