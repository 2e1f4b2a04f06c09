#include "runtime/base/netlink.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/network_namespace.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>

namespace stack {

namespace {
constexpr std::size_t kReceiveRoom = 65536;  // the kernel fills dump buffers up to 32 KiB

template <class Number>
Number number_of(std::string_view content) {
    Number number = 0;
    if (content.size() == sizeof number) std::memcpy(&number, content.data(), sizeof number);
    return number;
}
}  // namespace

NetlinkMessage::NetlinkMessage(int type, int flags) : bytes_(NLMSG_HDRLEN) {
    raw()->nlmsg_len = NLMSG_HDRLEN;
    raw()->nlmsg_type = static_cast<std::uint16_t>(type);
    raw()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

NetlinkMessage& NetlinkMessage::append(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const char*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    raw()->nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    return *this;
}

NetlinkMessage& NetlinkMessage::put(int attribute, const void* data, std::size_t size) {
    const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + size), static_cast<std::uint16_t>(attribute)};
    return append(&header, sizeof header).append(data, size);
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
    const std::size_t start = bytes_.size();
    put(attribute | NLA_F_NESTED, nullptr, 0);
    fill(*this);
    const auto size = static_cast<std::uint16_t>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start + offsetof(nlattr, nla_len), &size, sizeof size);
    return *this;
}

nlmsghdr* NetlinkMessage::raw() {
    return reinterpret_cast<nlmsghdr*>(bytes_.data());
}

std::string_view message_attributes(const nlmsghdr& message, std::size_t header_size) {
    const std::size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(header_size);
    if (message.nlmsg_len < start) return {};
    return {reinterpret_cast<const char*>(&message) + start, message.nlmsg_len - start};
}

std::optional<std::string_view> find_attribute(std::string_view attributes, int type) {
    while (attributes.size() >= NLA_HDRLEN) {
        nlattr header{};
        std::memcpy(&header, attributes.data(), sizeof header);
        if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes.size()) break;
        if ((header.nla_type & NLA_TYPE_MASK) == type)
            return attributes.substr(NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
        attributes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
    }
    return std::nullopt;
}

std::uint8_t attribute_u8(std::string_view content) {
    return number_of<std::uint8_t>(content);
}
std::uint32_t attribute_u32(std::string_view content) {
    return number_of<std::uint32_t>(content);
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

NetlinkSocket NetlinkSocket::in(int netns, int protocol) {
    std::optional<NetlinkSocket> socket;
    in_network_namespace(netns, [&] { socket.emplace(protocol); });
    return std::move(*socket);
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

void NetlinkSocket::receive(const std::function<bool(const nlmsghdr&)>& more) {
    std::vector<char> buffer(kReceiveRoom);
    for (;;) {
        const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw_errno("receive netlink message");
        }
        if (static_cast<std::size_t>(got) > buffer.size())
            throw Error{ErrorKind::internal, "netlink answer too large"};
        auto rest = static_cast<std::uint32_t>(got);
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, rest);
             message = NLMSG_NEXT(message, rest)) {
            if (!more(*message)) return;
        }
    }
}

void NetlinkSocket::request(NetlinkMessage message, std::string_view doing) {
    std::vector<Step> steps;
    steps.push_back(Step{std::move(message), std::string{doing}});
    batch(std::move(steps));
}

namespace {

int error_of(const nlmsghdr& message) {
    return -family_header<nlmsgerr>(message).error;
}

// Collects one answer for each step; the first failure that is not tolerated wins.
struct Acknowledgements {
    const std::vector<NetlinkSocket::Step>& steps;
    std::uint32_t first_sequence;
    std::size_t missing;
    std::optional<Error> failure;

    bool operator()(const nlmsghdr& message) {
        const std::size_t index = message.nlmsg_seq - first_sequence;
        if (message.nlmsg_type != NLMSG_ERROR || index >= steps.size()) return true;
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
    receive([&](const nlmsghdr& message) {
        const std::uint32_t number = message.nlmsg_seq;
        const bool ours = number + 1 >= first && number <= first + steps.size();
        if (message.nlmsg_type != NLMSG_ERROR || !ours) return true;
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

void NetlinkSocket::dump(NetlinkMessage message, const std::function<void(const nlmsghdr&)>& each,
                         std::string_view doing) {
    message.raw()->nlmsg_flags |= NLM_F_DUMP;
    const std::uint32_t sequence = send({message.raw()});
    receive([&](const nlmsghdr& answer) {
        if (answer.nlmsg_seq != sequence) return true;
        if (answer.nlmsg_type == NLMSG_DONE) return false;
        if (answer.nlmsg_type == NLMSG_ERROR) throw Error::from_errno(error_of(answer), std::string{doing});
        each(answer);
        return true;
    });
}

bool NetlinkSocket::get(NetlinkMessage message, const std::function<void(const nlmsghdr&)>& answer,
                        std::string_view doing) {
    message.raw()->nlmsg_flags |= NLM_F_ACK;
    const std::uint32_t sequence = send({message.raw()});
    bool found = false;
    receive([&](const nlmsghdr& reply) {
        if (reply.nlmsg_seq != sequence) return true;
        if (reply.nlmsg_type != NLMSG_ERROR) {
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

}  // namespace stack
