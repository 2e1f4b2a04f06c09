#include "network/netlink.hpp"

#include "runtime/base/error.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include <functional>
#include <new>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>

namespace stack::network {

namespace {
constexpr std::size_t kMessageRoom = 4096;   // our largest message is below 1 KiB
constexpr std::size_t kReceiveRoom = 65536;  // the kernel fills dump buffers up to 32 KiB

void check(int result) {
    if (result < 0) throw Error{ErrorKind::internal, "netlink message too large"};
}
}  // namespace

NetlinkMessage::NetlinkMessage(int type, int flags) : message_{::nlmsg_alloc_size(kMessageRoom)} {
    if (!message_ || !::nlmsg_put(message_.get(), 0, 0, type, 0, NLM_F_REQUEST | flags))
        throw std::bad_alloc{};
}

NetlinkMessage& NetlinkMessage::append(const void* data, std::size_t size) {
    check(::nlmsg_append(message_.get(), const_cast<void*>(data), size, NLMSG_ALIGNTO));
    return *this;
}

NetlinkMessage& NetlinkMessage::put(int attribute, const void* data, std::size_t size) {
    check(::nla_put(message_.get(), attribute, static_cast<int>(size), data));
    return *this;
}

NetlinkMessage& NetlinkMessage::put_u8(int attribute, std::uint8_t value) {
    return put(attribute, &value, sizeof value);
}
NetlinkMessage& NetlinkMessage::put_u16(int attribute, std::uint16_t value) {
    return put(attribute, &value, sizeof value);
}
NetlinkMessage& NetlinkMessage::put_u32(int attribute, std::uint32_t value) {
    return put(attribute, &value, sizeof value);
}

NetlinkMessage& NetlinkMessage::put_string(int attribute, const std::string& value) {
    return put(attribute, value.c_str(), value.size() + 1);
}

NetlinkMessage& NetlinkMessage::nest(int attribute, const std::function<void(NetlinkMessage&)>& fill) {
    nlattr* start = ::nla_nest_start(message_.get(), attribute | NLA_F_NESTED);
    if (!start) throw Error{ErrorKind::internal, "netlink message too large"};
    fill(*this);
    // Not nla_nest_end: that drops an empty nest, which "type veth without options" needs.
    check(::nla_nest_end_keep_empty(message_.get(), start));
    return *this;
}

nlmsghdr* NetlinkMessage::raw() const {
    return ::nlmsg_hdr(message_.get());
}

NetlinkSocket::NetlinkSocket(int protocol)
    : socket_{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)} {
    if (!socket_.valid()) throw_errno("open netlink socket");
    // Errors then come without a copy of the request, and a burst of answers always fits.
    const int on = 1;
    static_cast<void>(::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on));
    const int room = 1 << 20;
    static_cast<void>(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room));
}

std::uint32_t NetlinkSocket::send(const std::vector<nlmsghdr*>& messages) {
    const std::uint32_t first = sequence_;
    std::vector<iovec> parts;
    for (nlmsghdr* message : messages) {
        message->nlmsg_seq = sequence_++;
        parts.push_back({message, NLMSG_ALIGN(message->nlmsg_len)});
    }
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    msghdr header{};
    header.msg_name = &kernel;
    header.msg_namelen = sizeof kernel;
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    while (::sendmsg(socket_.get(), &header, 0) < 0) {
        if (errno != EINTR) throw_errno("send netlink message");
    }
    return first;
}

void NetlinkSocket::receive(const std::function<bool(const nlmsghdr*)>& more) {
    std::vector<char> buffer(kReceiveRoom);
    for (;;) {
        const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw_errno("receive netlink message");
        }
        if (static_cast<std::size_t>(got) > buffer.size())
            throw Error{ErrorKind::internal, "netlink answer too large"};
        int rest = static_cast<int>(got);
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); ::nlmsg_ok(message, rest);
             message = ::nlmsg_next(message, &rest)) {
            if (!more(message)) return;
        }
    }
}

void NetlinkSocket::request(NetlinkMessage message, std::string_view doing) {
    std::vector<Step> steps;
    steps.push_back(Step{std::move(message), std::string{doing}});
    batch(std::move(steps));
}

namespace {

int error_of(const nlmsghdr* message) {
    return -static_cast<const nlmsgerr*>(::nlmsg_data(message))->error;
}

// Collects one answer for each step; the first failure that is not tolerated wins.
struct Acknowledgements {
    const std::vector<NetlinkSocket::Step>& steps;
    std::uint32_t first_sequence;
    std::size_t missing;
    std::optional<Error> failure;

    bool operator()(const nlmsghdr* message) {
        const std::size_t index = message->nlmsg_seq - first_sequence;
        if (message->nlmsg_type != NLMSG_ERROR || index >= steps.size()) return true;
        const int err = error_of(message);
        if (err != 0 && err != steps[index].tolerated_errno && !failure)
            failure = Error::from_errno(err, steps[index].doing);
        return --missing > 0;
    }
};

}  // namespace

void NetlinkSocket::batch(std::vector<Step> steps) {
    if (steps.empty()) return;
    std::vector<nlmsghdr*> messages;
    for (Step& step : steps) {
        step.message.raw()->nlmsg_flags |= NLM_F_ACK;
        messages.push_back(step.message.raw());
    }
    Acknowledgements answers{steps, send(messages), steps.size(), std::nullopt};
    receive(std::ref(answers));
    if (answers.failure) throw *answers.failure;
}

void NetlinkSocket::transaction(std::vector<Step> steps) {
    const nfgenmsg frame{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
    NetlinkMessage begin{NFNL_MSG_BATCH_BEGIN, 0};
    NetlinkMessage end{NFNL_MSG_BATCH_END, 0};
    begin.header(frame);
    end.header(frame);
    std::vector<nlmsghdr*> messages{begin.raw()};
    for (Step& step : steps) messages.push_back(step.message.raw());
    // Only the last step asks for an answer: failures come unasked, the answer to the last ends the wait.
    // When a step fails the kernel undoes the batch and reports each failure at its own sequence number.
    steps.back().message.raw()->nlmsg_flags |= NLM_F_ACK;
    messages.push_back(end.raw());
    const std::uint32_t first = send(messages) + 1;
    std::optional<Error> failure;
    receive([&](const nlmsghdr* message) {
        const std::uint32_t number = message->nlmsg_seq;
        const bool ours = number + 1 >= first && number <= first + steps.size();
        if (message->nlmsg_type != NLMSG_ERROR || !ours) return true;
        const std::size_t index = number - first;
        const int err = error_of(message);
        if (index >= steps.size()) {  // BATCH_BEGIN or BATCH_END refused: no privilege, no nf_tables
            failure = Error::from_errno(err, "nf_tables transaction");
            return false;
        }
        if (err != 0 && !failure) failure = Error::from_errno(err, steps[index].doing);
        return index + 1 < steps.size();
    });
    if (failure) throw *failure;
}

void NetlinkSocket::dump(NetlinkMessage message, const std::function<void(const nlmsghdr*)>& each,
                         std::string_view doing) {
    message.raw()->nlmsg_flags |= NLM_F_DUMP;
    const std::uint32_t sequence = send({message.raw()});
    receive([&](const nlmsghdr* answer) {
        if (answer->nlmsg_seq != sequence) return true;
        if (answer->nlmsg_type == NLMSG_DONE) return false;
        if (answer->nlmsg_type == NLMSG_ERROR) throw Error::from_errno(error_of(answer), std::string{doing});
        each(answer);
        return true;
    });
}

bool NetlinkSocket::get(NetlinkMessage message, const std::function<void(const nlmsghdr*)>& answer,
                        std::string_view doing) {
    message.raw()->nlmsg_flags |= NLM_F_ACK;
    const std::uint32_t sequence = send({message.raw()});
    bool found = false;
    receive([&](const nlmsghdr* reply) {
        if (reply->nlmsg_seq != sequence) return true;
        if (reply->nlmsg_type != NLMSG_ERROR) {
            found = true;
            answer(reply);
            return true;
        }
        const int err = error_of(reply);
        if (err != 0 && err != ENODEV && err != ENOENT && err != ESRCH)
            throw Error::from_errno(err, std::string{doing});
        return false;
    });
    return found;
}

}  // namespace stack::network
