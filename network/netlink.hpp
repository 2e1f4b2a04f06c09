// Netlink sockets and requests: libnl builds and parses the messages, this sends many in one go and matches
// the answers. One socket belongs to the namespace it was opened in; any thread may use it, one at a time.
// Protocol: netlink(7), rtnetlink(7), linux/netfilter/nfnetlink.h.
#pragma once

#include "runtime/base/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <netlink/msg.h>

namespace stack::network {

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

    [[nodiscard]] nlmsghdr* raw() const;

  private:
    struct Free {
        void operator()(nl_msg* message) const { ::nlmsg_free(message); }
    };
    std::unique_ptr<nl_msg, Free> message_;
};

class NetlinkSocket {
  public:
    /// A socket of the calling thread's namespace; `protocol` is NETLINK_ROUTE or NETLINK_NETFILTER. Throws
    /// Error.
    explicit NetlinkSocket(int protocol);

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
    void dump(NetlinkMessage message, const std::function<void(const nlmsghdr*)>& each,
              std::string_view doing);
    /// A request with one answer; false when the kernel says ENODEV, ENOENT or ESRCH. Throws Error.
    bool get(NetlinkMessage message, const std::function<void(const nlmsghdr*)>& answer,
             std::string_view doing);

  private:
    /// Numbers the messages and sends them as one; returns the first number.
    std::uint32_t send(const std::vector<nlmsghdr*>& messages);
    /// Hands over answers until `more` says false.
    void receive(const std::function<bool(const nlmsghdr*)>& more);
    UniqueFd socket_;
    std::uint32_t sequence_ = 1;
};

}  // namespace stack::network
