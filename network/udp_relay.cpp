#include "network/udp_relay.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

namespace stack::network {

namespace {

constexpr std::size_t kMaxDatagram = 65536;
constexpr int kDatagramsPerTurn = 64;
// As connection tracking has it: a lone question is forgotten sooner than a conversation.
constexpr std::chrono::seconds kSilenceOfQuestion{30};
constexpr std::chrono::seconds kSilenceOfConversation{120};

// The local address a datagram came to, in the form in which the answer asks to leave from it.
struct LocalAddress {
    int level = 0;
    int type = 0;
    std::array<char, sizeof(in6_pktinfo)> info{};
    std::size_t size = 0;
};

template <class Info>
void keep(LocalAddress& local, const cmsghdr* header, const Info& info) {
    local.level = header->cmsg_level;
    local.type = header->cmsg_type;
    local.size = sizeof info;
    std::memcpy(local.info.data(), &info, sizeof info);
}

LocalAddress local_address(msghdr& message) {
    LocalAddress local;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(header), sizeof info);
            info.ipi_ifindex = 0;  // the route decides; ipi_spec_dst becomes the source
            keep(local, header, info);
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(header), sizeof info);
            if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
            keep(local, header, info);
        }
    }
    return local;
}

struct ControlSpace {
    alignas(cmsghdr) std::array<char, 256> bytes{};
};

}  // namespace

struct UdpRelay::Datagram {
    SocketAddress client;
    LocalAddress local;
    const char* data = nullptr;
    std::size_t size = 0;
};

// The container's side of one client's conversation.
class UdpRelay::Flow : public Pollable {
  public:
    Flow(UdpRelay& relay, const Datagram& first)
        : relay_{relay},
          client_{first.client},
          local_{first.local},
          socket_{::socket(relay.target_->family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
        if (!socket_.valid()) throw_errno("open socket");
        if (::connect(socket_.get(), relay.target_->get(), relay.target_->size()) != 0)
            throw_errno("connect");
        relay_.poller_.watch(socket_.get(), EPOLLIN | EPOLLET, *this);
    }

    void send(const Datagram& datagram) {
        heard_ = std::chrono::steady_clock::now();
        // Refused, unreachable, full: datagrams may be lost, and the client is used to that.
        static_cast<void>(::send(socket_.get(), datagram.data, datagram.size, MSG_NOSIGNAL));
    }

    void on_ready(std::uint32_t) override {
        static thread_local std::array<char, kMaxDatagram> buffer;
        for (int i = 0; i < kDatagramsPerTurn; ++i) {
            const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (got < 0 && (errno == ECONNREFUSED || errno == EINTR)) continue;  // an error that was queued
            if (got < 0) return;
            answered_ = true;
            heard_ = std::chrono::steady_clock::now();
            send_to_client(buffer.data(), static_cast<std::size_t>(got));
        }
        relay_.poller_.once_more(*this);
    }

    [[nodiscard]] std::string key() const { return client_.key(); }
    [[nodiscard]] bool silent(Time now) const {
        return now - heard_ > (answered_ ? kSilenceOfConversation : kSilenceOfQuestion);
    }
    void stop() { relay_.poller_.unwatch(socket_.get()); }

  private:
    void send_to_client(char* data, std::size_t size) {
        iovec part{data, size};
        ControlSpace control;
        msghdr message{};
        message.msg_name = client_.fill();
        message.msg_namelen = client_.size();
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (local_.size > 0) {
            message.msg_control = control.bytes.data();
            message.msg_controllen = CMSG_SPACE(local_.size);
            cmsghdr* header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = local_.level;
            header->cmsg_type = local_.type;
            header->cmsg_len = CMSG_LEN(local_.size);
            std::memcpy(CMSG_DATA(header), local_.info.data(), local_.size);
        }
        static_cast<void>(::sendmsg(relay_.socket_.get(), &message, MSG_NOSIGNAL));
    }

    UdpRelay& relay_;
    SocketAddress client_;
    LocalAddress local_;
    UniqueFd socket_;
    Time heard_ = std::chrono::steady_clock::now();
    bool answered_ = false;
};

UdpRelay::UdpRelay(Poller& poller, UniqueFd socket, std::size_t max_flows)
    : poller_{poller}, socket_{std::move(socket)}, max_flows_{max_flows} {}

UdpRelay::~UdpRelay() {
    close();
}

void UdpRelay::close() {
    while (!by_age_.empty()) forget(by_age_.begin());
    if (socket_.valid()) poller_.unwatch(socket_.get());
    socket_.reset();
}

void UdpRelay::set_target(std::optional<SocketAddress> target) {
    while (!by_age_.empty()) forget(by_age_.begin());
    poller_.unwatch(socket_.get());
    target_ = target;
    if (target_) poller_.watch(socket_.get(), EPOLLIN | EPOLLET, *this);
}

void UdpRelay::on_ready(std::uint32_t) {
    static thread_local std::array<char, kMaxDatagram> buffer;
    for (int i = 0; i < kDatagramsPerTurn; ++i) {
        Datagram datagram;
        ControlSpace control;
        iovec part{buffer.data(), buffer.size()};
        msghdr message{};
        message.msg_name = datagram.client.fill();
        message.msg_namelen = SocketAddress::capacity();
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return;
        datagram.client.resize(message.msg_namelen);
        datagram.local = local_address(message);
        datagram.data = buffer.data();
        datagram.size = static_cast<std::size_t>(got);
        pass_on(datagram);
    }
    poller_.once_more(*this);
}

void UdpRelay::pass_on(const Datagram& datagram) {
    if (Flow* flow = flow_of(datagram)) flow->send(datagram);
}

UdpRelay::Flow* UdpRelay::flow_of(const Datagram& datagram) {
    const std::string key = datagram.client.key();
    if (const auto known = by_client_.find(key); known != by_client_.end()) {
        by_age_.splice(by_age_.end(), by_age_, known->second);
        return known->second->get();
    }
    if (by_age_.size() >= max_flows_) forget(by_age_.begin());
    try {
        by_age_.push_back(std::make_unique<Flow>(*this, datagram));
    } catch (const Error&) {  // no descriptors left: this datagram is lost
        return nullptr;
    }
    by_client_[key] = std::prev(by_age_.end());
    return by_age_.back().get();
}

void UdpRelay::forget(Flows::iterator flow) {
    (*flow)->stop();
    by_client_.erase((*flow)->key());
    poller_.bury(std::move(*flow));
    by_age_.erase(flow);
}

void UdpRelay::expire(Time now) {
    for (auto flow = by_age_.begin(); flow != by_age_.end();) {
        const auto next = std::next(flow);
        if ((*flow)->silent(now)) forget(flow);
        flow = next;
    }
}

}  // namespace stack::network
