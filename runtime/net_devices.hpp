// `netDevices` of config.json: network devices of the runtime's namespace that become the container's. Their hardware
// address, MTU and other attributes stay; so do permanent addresses of global scope, which the move by itself would take
// away (config-linux.md, "Network Devices"). Routes don't. Who asks for a device and what for, is not known here.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/base/netlink.hpp"

#include <linux/if_addr.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// Whether the kernel takes this as a name for a device; `pattern`: or as one with a `%d`, for which it puts a number.
bool is_net_device_name(std::string_view name, bool pattern);

/// The name for a pattern: with the lowest number that none of `taken` has. A name without `%d` stays as it is.
std::string expand_net_device_name(const std::string& pattern, const std::vector<std::string>& taken);

/// Devices on their way into another network namespace. Until `keep` they go back when this ends, with the name, the
/// addresses and the state they had, so that a container that does not come to be costs the host nothing.
class NetDeviceLoan {
  public:
    /// From the calling thread's namespace into `netns`. Throws Error.
    explicit NetDeviceLoan(UniqueFd netns);
    NetDeviceLoan(const NetDeviceLoan&) = delete;
    NetDeviceLoan& operator=(const NetDeviceLoan&) = delete;
    ~NetDeviceLoan();

    /// Name here → name or pattern there; moved, renamed and set up in this order. Throws Error(not_found) for one that
    /// isn't here, Error(conflict) for a name that is taken there.
    void move(const std::map<std::string, std::string>& devices);
    void keep() { moved_.clear(); }

  private:
    struct Address {
        bool goes_along = false;  ///< else it is only given back
        ifaddrmsg header{};
        std::vector<std::pair<int, std::string>> attributes;
    };
    struct Device {
        std::string name_here, name_there;
        bool was_up = false;
        std::vector<Address> addresses;
    };
    static std::vector<Address> addresses_of(NetlinkSocket& socket, int index);
    static void arrive(NetlinkSocket& socket, const std::string& name, const std::vector<Address>& addresses,
                       bool up);
    void move_one(const std::string& name, const std::string& pattern);

    UniqueFd netns_here_, netns_there_;
    NetlinkSocket here_, there_;
    std::vector<Device> moved_;
};

}  // namespace stack
