// Netlink messages, built and read, and sockets that send many in one go and match the answers. One socket belongs
// to the namespace it was opened in; any thread may use it, one at a time.
// Protocol: netlink(7), rtnetlink(7), linux/netfilter/nfnetlink.h.
#pragma once

#include "runtime/base/fd.hpp"

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// One message under construction; attributes are appended in order.
class NetlinkMessage {
  public:
    /// `flags` are added to NLM_F_REQUEST.
    NetlinkMessage(int type, int flags);

    /// The fixed header of the message family (ifinfomsg, rtmsg, nfgenmsg, …).
    template <class Header>
    NetlinkMessage& header(const Header& value) {
        return append(&value, sizeof value);
    }
    NetlinkMessage& put(int attribute, const void* data, std::size_t size);
    NetlinkMessage& put_u8(int attribute, std::uint8_t value);
    NetlinkMessage& put_u16(int attribute, std::uint16_t value);
    NetlinkMessage& put_u32(int attribute, std::uint32_t value);
    NetlinkMessage& put_string(int attribute, const std::string& value);
    /// Runs `fill` between the start and the end of a nested attribute.
    NetlinkMessage& nest(int attribute, const std::function<void(NetlinkMessage&)>& fill);
    NetlinkMessage& append(const void* data, std::size_t size);  ///< raw, padded to 4

    /// Good until the next change.
    [[nodiscard]] nlmsghdr* raw();

  private:
    std::vector<char> bytes_;  ///< as allocated: aligned for any header
};

/// What a message has behind its header: the fixed header of its family, then attributes.
template <class Header>
const Header& family_header(const nlmsghdr& message) {
    return *static_cast<const Header*>(NLMSG_DATA(&message));
}
/// The attributes of a message whose family's header has this size; empty when it is shorter than that.
std::string_view message_attributes(const nlmsghdr& message, std::size_t header_size);
/// The content of the first attribute of this type, which may be a nest of attributes again; nullopt: there is none.
std::optional<std::string_view> find_attribute(std::string_view attributes, int type);
/// The content as a number; 0 when it is no number of that size.
std::uint8_t attribute_u8(std::string_view content);
std::uint32_t attribute_u32(std::string_view content);

class NetlinkSocket {
  public:
    /// A socket of the calling thread's namespace; `protocol` is NETLINK_ROUTE or NETLINK_NETFILTER. Throws
    /// Error.
    explicit NetlinkSocket(int protocol);
    /// A socket of another namespace, by its descriptor. Throws Error.
    static NetlinkSocket in(int netns, int protocol);

    /// One request that changes something. Throws Error with `doing` as the message.
    void request(NetlinkMessage message, std::string_view doing);

    struct Step {
        NetlinkMessage message;
        std::string doing;        ///< what a failure is called: "add address 10.0.0.2 to eth0"
        int tolerated_errno = 0;  ///< an answer that counts as success: EEXIST for "make sure that…"
    };
    /// All in one system call; the kernel does them in order and goes on after a failure. Throws the first
    /// Error.
    void batch(std::vector<Step> steps);
    /// An nfnetlink transaction: all or nothing, framed by BATCH_BEGIN and BATCH_END. Throws the first Error.
    void transaction(std::vector<Step> steps);

    /// Calls `each` with every message of a dump. Throws Error.
    void dump(NetlinkMessage message, const std::function<void(const nlmsghdr&)>& each,
              std::string_view doing);
    /// A request with one answer; false when the kernel says ENODEV, ENOENT or ESRCH. Throws Error.
    bool get(NetlinkMessage message, const std::function<void(const nlmsghdr&)>& answer,
             std::string_view doing);

  private:
    /// Numbers the messages and sends them as one; returns the first number.
    std::uint32_t send(const std::vector<nlmsghdr*>& messages);
    /// Hands over answers until `more` says false.
    void receive(const std::function<bool(const nlmsghdr&)>& more);
    UniqueFd socket_;
    std::uint32_t sequence_ = 1;
};

}  // namespace stack
