#include "network/dns_server.hpp"

#include "network/async_socket.hpp"
#include "network/dns_message.hpp"
#include "network/dns_upstream.hpp"
#include "network/socket_address.hpp"
#include "runtime/base/error.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <random>
#include <utility>

namespace stack::network {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kMaxUdpAnswer = 4096;  // whatever a client says that it takes
constexpr std::size_t kMaxForwards = 512;    // of all clients together: each holds a descriptor
constexpr std::size_t kMaxForwardsOfClient = 64;
constexpr std::size_t kMaxConnectionsOfClient = 16;
constexpr int kDatagramsPerTurn = 32;
constexpr std::chrono::seconds kIdleLimit{10};  // a TCP connection between questions
constexpr auto kForever = Clock::time_point::max();

std::vector<SocketAddress> addresses_of(const std::vector<std::string>& texts) {
    std::vector<SocketAddress> result;
    for (const std::string& text : texts) {
        if (const std::optional<SocketAddress> address = SocketAddress::parse(text, kDnsPort))
            result.push_back(*address);
    }
    return result;
}

}  // namespace

// A container as a client. Tasks hold it by shared_ptr, so its removal can't pull anything from under them.
struct DnsClient {
    DnsClientOptions options;
    AsyncSocket udp;
    AsyncSocket tcp;
    std::map<int, AsyncSocket*> connections;  // by descriptor; for closing them with the client
    std::size_t forwards = 0;
    bool closed = false;

    DnsClient(EventLoop& loop, DnsClientOptions given, UniqueFd udp_fd, UniqueFd tcp_fd)
        : options{std::move(given)}, udp{loop, std::move(udp_fd)}, tcp{loop, std::move(tcp_fd)} {}

    void close() {
        closed = true;
        udp.close();
        tcp.close();
        for (auto& [fd, connection] : connections) connection->close();
    }
};
using DnsClientPtr = std::shared_ptr<DnsClient>;

struct DnsServer::Impl {
    EventLoop& loop;
    Log log;
    HostResolvers resolvers;
    std::chrono::milliseconds patience;
    TaskGroup tasks;
    dns::Zone zone;
    std::map<std::string, DnsClientPtr> clients;
    std::size_t forwards = 0;
    std::mt19937_64 generator{std::random_device{}()};

    Impl(EventLoop& on, Log to, std::string resolv_conf, std::chrono::milliseconds limit)
        : loop{on}, log{std::move(to)}, resolvers{std::move(resolv_conf)}, patience{limit}, tasks{on} {
        tasks.on_error([this](std::exception_ptr error) { report(error); });
    }

    void report(const std::exception_ptr& error) const {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& failure) {
            log.warning("dns: {}", failure.what());
        }
    }

    // What we can say ourselves; nullopt when others must be asked.
    std::optional<DnsBytes> answer_here(const DnsClient& client, const dns::ParsedQuery& parsed,
                                        std::size_t limit) {
        if (const auto* bad = std::get_if<dns::BadQuery>(&parsed)) return dns::encode(*bad);
        const dns::Query& query = std::get<dns::Query>(parsed);
        const dns::Random random = [this](std::size_t bound) {
            return std::uniform_int_distribution<std::size_t>{0, bound - 1}(generator);
        };
        if (const std::optional<dns::Response> own = zone.answer(query, client.options.asker, random))
            return dns::encode(*own, limit);
        if (!client.options.asker.may_forward) return refuse(query, dns::Code::name_error);
        if (client.forwards >= kMaxForwardsOfClient || forwards >= kMaxForwards)
            return refuse(query, dns::Code::server_failure);
        return std::nullopt;
    }

    static DnsBytes refuse(const dns::Query& query, dns::Code code) {
        dns::Response response;
        response.query = query;
        response.code = code;
        response.authoritative = false;
        return dns::encode(response, dns::kPlainUdpSize);
    }

    std::vector<SocketAddress> upstream_of(const DnsClient& client) {
        const auto& own = client.options.upstream;
        return addresses_of(own.empty() ? resolvers.addresses() : own);
    }
};

namespace {

// Counts a forwarded query for as long as it is on its way.
class ForwardCount {
  public:
    ForwardCount(std::size_t& all, std::size_t& own) : all_{all}, own_{own} { ++all_, ++own_; }
    ~ForwardCount() { --all_, --own_; }
    ForwardCount(const ForwardCount&) = delete;
    ForwardCount& operator=(const ForwardCount&) = delete;

  private:
    std::size_t& all_;
    std::size_t& own_;
};

}  // namespace

// The tasks. `server` and `client` are held by value: both outlive every await.
struct DnsTasks {
    using ServerPtr = std::shared_ptr<DnsServer::Impl>;

    static Task<DnsBytes> forward(ServerPtr server, DnsClientPtr client, DnsBytes message, dns::Query query,
                                  bool tcp) {
        const ForwardCount count{server->forwards, client->forwards};
        std::vector<SocketAddress> servers = server->upstream_of(*client);
        std::optional<DnsBytes> answer = co_await ask_upstream(server->loop, std::move(servers),
                                                               std::move(message), tcp, server->patience);
        if (!answer) co_return DnsServer::Impl::refuse(query, dns::Code::server_failure);
        co_return std::move(*answer);
    }

    static Task<> forward_datagram(ServerPtr server, DnsClientPtr client, DnsBytes message, dns::Query query,
                                   SocketAddress asker) {
        const std::size_t limit = std::min(query.udp_size, kMaxUdpAnswer);
        DnsBytes answer = co_await forward(server, client, std::move(message), std::move(query), false);
        if (answer.size() > limit) answer = dns::truncated(answer);
        if (!client->closed && !answer.empty()) send_datagram(*client, answer, asker);
    }

    static void send_datagram(DnsClient& client, const DnsBytes& answer, const SocketAddress& asker) {
        // A full or broken socket loses a datagram, as networks do; the asker repeats itself.
        static_cast<void>(::sendto(client.udp.get(), answer.data(), answer.size(), MSG_NOSIGNAL, asker.get(),
                                   asker.size()));
    }

    static void take_datagram(const ServerPtr& server, const DnsClientPtr& client, DnsBytes message,
                              const SocketAddress& asker) {
        const std::optional<dns::ParsedQuery> parsed = dns::parse_query(message);
        if (!parsed) return;
        std::size_t limit = dns::kPlainUdpSize;
        if (const auto* query = std::get_if<dns::Query>(&*parsed))
            limit = std::min(query->udp_size, kMaxUdpAnswer);
        if (const std::optional<DnsBytes> answer = server->answer_here(*client, *parsed, limit))
            return send_datagram(*client, *answer, asker);
        dns::Query query = std::get<dns::Query>(*parsed);
        server->tasks.spawn(forward_datagram(server, client, std::move(message), std::move(query), asker));
    }

    static Task<> serve_udp(ServerPtr server, DnsClientPtr client) {
        DnsBytes buffer(65535);
        for (;;) {
            co_await client->udp.readable(kForever);
            for (int i = 0; i < kDatagramsPerTurn; ++i) {
                SocketAddress asker;
                socklen_t size = SocketAddress::capacity();
                const ssize_t got =
                    ::recvfrom(client->udp.get(), buffer.data(), buffer.size(), 0, asker.fill(), &size);
                if (got < 0) break;  // EAGAIN, or a late error of an answer we sent
                asker.resize(size);
                DnsBytes message(buffer.begin(), buffer.begin() + got);
                take_datagram(server, client, std::move(message), asker);
            }
        }
    }

    static Task<> serve_tcp(ServerPtr server, DnsClientPtr client) {
        for (;;) {
            co_await client->tcp.readable(kForever);
            UniqueFd fd{::accept4(client->tcp.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
            if (!fd.valid()) {
                // Out of descriptors: the connection stays queued, and so does the readiness.
                if (errno == EMFILE || errno == ENFILE) co_await sleep_for(std::chrono::milliseconds{100});
                continue;
            }
            if (client->connections.size() >= kMaxConnectionsOfClient) continue;  // closed at once
            server->tasks.spawn(serve_connection(server, client, std::move(fd)));
        }
    }

    static Task<> serve_connection(ServerPtr server, DnsClientPtr client, UniqueFd fd) {
        const int number = fd.get();
        AsyncSocket socket{server->loop, std::move(fd)};
        client->connections[number] = &socket;
        const std::shared_ptr<void> leave{nullptr,
                                          [client, number](void*) { client->connections.erase(number); }};
        for (;;) {
            const Clock::time_point until = Clock::now() + kIdleLimit;
            std::array<std::uint8_t, 2> size{};
            const bool sized = co_await socket.read_exactly(size, until);
            if (!sized) co_return;
            DnsBytes message(static_cast<std::size_t>(size[0] << 8 | size[1]));
            const bool complete = co_await socket.read_exactly(message, until);
            if (!complete) co_return;
            const std::optional<dns::ParsedQuery> parsed = dns::parse_query(message);
            if (!parsed) co_return;
            std::optional<DnsBytes> answer = server->answer_here(*client, *parsed, 65535);
            if (!answer) {
                dns::Query query = std::get<dns::Query>(*parsed);
                answer = co_await forward(server, client, std::move(message), std::move(query), true);
            }
            const DnsBytes reply = dns::framed(*answer);
            const Clock::time_point write_until = Clock::now() + kIdleLimit;
            const bool sent = co_await socket.write_all(reply, write_until);
            if (!sent) co_return;
        }
    }
};

DnsServer::DnsServer(EventLoop& loop, Log log, std::string resolv_conf, std::chrono::milliseconds patience)
    : impl_{std::make_shared<Impl>(loop, std::move(log), std::move(resolv_conf), patience)} {}

DnsServer::~DnsServer() {
    for (auto& [id, client] : impl_->clients) client->close();
    impl_->clients.clear();
    impl_->tasks.cancel();
}

void DnsServer::add_client(DnsClientOptions options, UniqueFd udp, UniqueFd tcp) {
    remove_client(options.id);
    set_nonblocking(udp.get(), true);
    set_nonblocking(tcp.get(), true);
    const std::string id = options.id;
    auto client =
        std::make_shared<DnsClient>(impl_->loop, std::move(options), std::move(udp), std::move(tcp));
    impl_->clients[id] = client;
    impl_->tasks.spawn(DnsTasks::serve_udp(impl_, client));
    impl_->tasks.spawn(DnsTasks::serve_tcp(impl_, client));
}

void DnsServer::remove_client(const std::string& id) {
    const auto found = impl_->clients.find(id);
    if (found == impl_->clients.end()) return;
    found->second->close();
    impl_->clients.erase(found);
}

void DnsServer::set_names(const std::string& owner, const std::vector<EndpointSpec>& seats) {
    impl_->zone.set(owner, seats);
}

void DnsServer::remove_names(const std::string& owner) {
    impl_->zone.remove(owner);
}

void DnsServer::reserve_names(const std::vector<std::string>& names) {
    impl_->zone.reserve(names);
}

Task<> DnsServer::stop() {
    const std::shared_ptr<Impl> impl = impl_;
    for (auto& [id, client] : impl->clients) client->close();
    impl->clients.clear();
    impl->tasks.cancel();
    co_await impl->tasks.join();
}

}  // namespace stack::network
