// DNS as containers meet it: 127.0.0.11:53 in their own namespace, asked by raw packets and by real resolvers.
#include "network/dns_message.hpp"
#include "network/dns_server.hpp"
#include "network_lab.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/network_namespace.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <thread>

#include <fmt/format.h>

namespace stack::network {
namespace {

using namespace lab;
using Bytes = std::vector<std::uint8_t>;

dns::Query question(const std::string& name, dns::Type type = dns::Type::a) {
    dns::Query query;
    query.id = 4711;
    query.recursion_desired = true;
    query.question.name = name;
    query.question.type = type;
    return query;
}

UniqueFd resolver_socket(int netns, int type, const char* server = "127.0.0.11") {
    UniqueFd socket;
    in_network_namespace(netns, [&] { socket.reset(::socket(AF_INET, type | SOCK_CLOEXEC, 0)); });
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    ::inet_pton(AF_INET, server, &address.sin_addr);
    const timeval limit{8, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        throw_errno("connect");
    return socket;
}

std::optional<Bytes> ask_raw(int netns, const Bytes& query, bool tcp = false) {
    const UniqueFd socket = resolver_socket(netns, tcp ? SOCK_STREAM : SOCK_DGRAM);
    Bytes out = query;
    if (tcp)
        out.insert(out.begin(),
                   {static_cast<std::uint8_t>(query.size() >> 8), static_cast<std::uint8_t>(query.size())});
    if (::send(socket.get(), out.data(), out.size(), MSG_NOSIGNAL) < 0) return std::nullopt;
    Bytes answer(65535);
    if (tcp) {
        std::array<std::uint8_t, 2> size{};
        if (::recv(socket.get(), size.data(), 2, MSG_WAITALL) != 2) return std::nullopt;
        answer.resize(static_cast<std::size_t>(size[0] << 8 | size[1]));
    }
    const ssize_t got = ::recv(socket.get(), answer.data(), answer.size(), tcp ? MSG_WAITALL : 0);
    if (got < 0) return std::nullopt;
    answer.resize(static_cast<std::size_t>(got));
    return answer;
}

std::string text_of(const dns::Data& data) {
    if (const auto* address = std::get_if<Ipv4>(&data)) return address->text();
    if (const auto* pointer = std::get_if<dns::Ptr>(&data)) return pointer->target;
    return "?";
}

// "NOERROR 10.0.0.2 10.0.0.3", addresses sorted.
std::string ask(int netns, const dns::Query& query, bool tcp = false) {
    const std::optional<Bytes> raw = ask_raw(netns, dns::encode(query), tcp);
    if (!raw) return "no answer";
    const std::optional<dns::ParsedResponse> response = dns::parse_response(*raw);
    if (!response || response->id != query.id) return "malformed";
    static const std::array<const char*, 6> kNames{"NOERROR",  "FORMERR", "SERVFAIL",
                                                   "NXDOMAIN", "NOTIMP",  "REFUSED"};
    std::string result = kNames.at(static_cast<std::size_t>(response->code));
    if (response->truncated) result += " TC";
    std::vector<std::string> answers;
    for (const dns::Record& record : response->answers) answers.push_back(text_of(record.data));
    std::sort(answers.begin(), answers.end());
    for (const std::string& answer : answers) result += " " + answer;
    return result;
}

// The world's DNS server, on the host's 127.0.0.1: `known.test`, `big.test` (whole over TCP only), and silence for
// `slow.test`.
class FakeUpstream {
  public:
    FakeUpstream() : udp_{bind(SOCK_DGRAM)}, tcp_{bind(SOCK_STREAM)}, stop_{make_pipe()} {
        ::listen(tcp_.get(), 8);
        thread_ = std::thread{[this] { run(); }};
    }
    ~FakeUpstream() {
        stop_.write.reset();
        thread_.join();
    }
    std::atomic<int> asked{0};

  private:
    static UniqueFd bind(int type) {
        UniqueFd socket{::socket(AF_INET, type | SOCK_CLOEXEC, 0)};
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(53);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw_errno("bind");
        return socket;
    }

    Bytes answer(const Bytes& message, bool tcp) {
        ++asked;
        const std::optional<dns::ParsedQuery> parsed = dns::parse_query(message);
        dns::Response response;
        response.query = std::get<dns::Query>(*parsed);
        const std::string& name = response.query.question.name;
        if (name == "slow.test") return {};
        if (name != "known.test" && name != "big.test") response.code = dns::Code::name_error;
        const int count = name == "big.test" ? 200 : name == "known.test" ? 1 : 0;
        for (int i = 0; i < count; ++i) {
            response.answers.push_back(
                {name, dns::Type::a, 60, Ipv4{0xcb007107u + static_cast<std::uint32_t>(i)}});
        }
        return dns::encode(response, tcp ? 65535 : 1232);
    }

    void run() {
        Bytes buffer(65535);
        for (;;) {
            std::array<pollfd, 3> entries{
                {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}, {stop_.read.get(), POLLIN, 0}}};
            ::poll(entries.data(), entries.size(), -1);
            if (entries[2].revents) return;
            if (entries[0].revents) {
                sockaddr_in peer{};
                socklen_t size = sizeof peer;
                const ssize_t got = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0,
                                               reinterpret_cast<sockaddr*>(&peer), &size);
                const Bytes reply = answer(Bytes(buffer.begin(), buffer.begin() + got), false);
                if (!reply.empty())
                    ::sendto(udp_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&peer),
                             size);
            }
            if (entries[1].revents) {
                const UniqueFd client{::accept(tcp_.get(), nullptr, nullptr)};
                std::array<std::uint8_t, 2> size{};
                ::recv(client.get(), size.data(), 2, MSG_WAITALL);
                Bytes message(static_cast<std::size_t>(size[0] << 8 | size[1]));
                ::recv(client.get(), message.data(), message.size(), MSG_WAITALL);
                Bytes reply = answer(message, true);
                reply.insert(reply.begin(), {static_cast<std::uint8_t>(reply.size() >> 8),
                                             static_cast<std::uint8_t>(reply.size())});
                ::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
            }
        }
    }

    UniqueFd udp_;
    UniqueFd tcp_;
    Pipe stop_;
    std::thread thread_;
};

Task<> run_until(Signal& stop, DnsServer& server, std::promise<void>& started) {
    started.set_value();
    co_await stop.wait();
    co_await server.stop();
}

class DnsTest : public HostLab {
  protected:
    void SetUp() override {
        HostLab::SetUp();
        if (IsSkipped()) return;
        hub_.emplace(Hub::create(options("shop")));
        NetworkSpec spec;
        for (const char* name : {"front", "back", "inner"}) {
            spec.name = name;
            spec.internal = spec.name == "inner";
            hub_->ensure_network(spec);
        }
        write_file_atomically(directory_ + "/resolv.conf", "# host\nnameserver 127.0.0.1\n",
                              Durability::crash);
        start_server();
    }

    void TearDown() override {
        if (server_) stop_server();
        upstream_.reset();
        hub_.reset();
        HostLab::TearDown();
    }

    void start_server() {
        loop_ = std::make_unique<EventLoop>();
        server_ = std::make_unique<DnsServer>(*loop_, Log::to_nowhere(), directory_ + "/resolv.conf");
        stop_ = std::make_unique<Signal>(*loop_);
        std::promise<void> started;
        thread_ = std::thread{[&] { loop_->run(run_until(*stop_, *server_, started)); }};
        started.get_future().get();
    }

    void stop_server() {
        loop_->post([this] { stop_->notify_all(); });
        thread_.join();
        server_.reset();
        stop_.reset();
        loop_.reset();
    }

    void on_loop(const std::function<void()>& work) {
        std::promise<void> done;
        loop_->post([&] {
            work();
            done.set_value();
        });
        done.get_future().get();
    }

    // A container that answers to `names` on all its networks.
    Container add(const std::string& id, const std::vector<std::string>& networks,
                  const std::vector<std::string>& names) {
        Container container = make_container(*hub_, id, networks);
        for (EndpointSpec& seat : container.seats) seat.names = names;
        serve(id, container);
        on_loop([&] { server_->set_names(id, container.seats); });
        return container;
    }

    void serve(const std::string& id, const Container& container) {
        DnsClientOptions client;
        client.id = id;
        client.asker.may_forward = false;
        for (const EndpointSpec& seat : container.seats) {
            client.asker.networks.push_back(seat.network);
            if (seat.network != "inner") client.asker.may_forward = true;
        }
        on_loop([&] {
            server_->add_client(client, container.net.dns_udp.duplicate(), container.net.dns_tcp.duplicate());
        });
    }

    std::optional<Hub> hub_;
    std::unique_ptr<FakeUpstream> upstream_;
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<DnsServer> server_;
    std::unique_ptr<Signal> stop_;
    std::thread thread_;
};

TEST_F(DnsTest, NamesResolveOnSharedNetworksOnly) {
    const Container web = add("w", {"front"}, {"web", "shop-web-1"});
    const Container app = add("a", {"front", "back"}, {"app"});
    const Container db = add("d", {"back"}, {"db"});
    EXPECT_EQ(ask(web.netns(), question("app")), "NOERROR " + app.ip(0));
    EXPECT_EQ(ask(db.netns(), question("app")), "NOERROR " + app.ip(1));
    EXPECT_EQ(ask(app.netns(), question("SHOP-Web-1")), "NOERROR " + web.ip());
    EXPECT_EQ(ask(app.netns(), question("db.back")), "NOERROR " + db.ip());
    EXPECT_EQ(ask(web.netns(), question("db")), "NXDOMAIN");
    EXPECT_EQ(ask(app.netns(), question("db", dns::Type::aaaa)), "NOERROR");
    EXPECT_EQ(ask(app.netns(), question("app")).size(), ("NOERROR " + app.ip(0) + " " + app.ip(1)).size());
}

TEST_F(DnsTest, AnswersOverTcpAndInReverse) {
    const Container web = add("w", {"front"}, {"web"});
    EXPECT_EQ(ask(web.netns(), question("web"), true), "NOERROR " + web.ip());
    const std::optional<Ipv4> ip = Ipv4::parse(web.ip());
    const std::string reverse = fmt::format("{}.{}.{}.{}.in-addr.arpa", ip->value & 255, ip->value >> 8 & 255,
                                            ip->value >> 16 & 255, ip->value >> 24);
    EXPECT_EQ(ask(web.netns(), question(reverse, dns::Type::ptr)), "NOERROR web.front");
}

TEST_F(DnsTest, EveryReplicaIsInTheAnswer) {
    const Container one = add("1", {"front"}, {"web", "web-1"});
    const Container two = add("2", {"front"}, {"web", "web-2"});
    const Container three = add("3", {"front"}, {"web", "web-3"});
    EXPECT_EQ(ask(one.netns(), question("web")),
              fmt::format("NOERROR {} {} {}", one.ip(), two.ip(), three.ip()));
    on_loop([&] { server_->remove_names("2"); });
    EXPECT_EQ(ask(one.netns(), question("web")), fmt::format("NOERROR {} {}", one.ip(), three.ip()));
    EXPECT_EQ(ask(one.netns(), question("web-2")), "NXDOMAIN");
}

TEST_F(DnsTest, AContainerMayBindPort53Itself) {
    const Container web = add("w", {"front"}, {"web"});
    const Server udp{web.netns(), "0.0.0.0", 53, "own", true};
    const Server tcp{web.netns(), "0.0.0.0", 53, "own"};
    EXPECT_EQ(ask(web.netns(), question("web")), "NOERROR " + web.ip());
    EXPECT_EQ(ask(web.netns(), question("web"), true), "NOERROR " + web.ip());
    EXPECT_EQ(ask_udp(web.netns(), "127.0.0.1", 53), "own FROM 127.0.0.1");
    EXPECT_EQ(ask_tcp(web.netns(), web.ip(), 53), "own FROM " + web.ip());
}

TEST_F(DnsTest, AContainersOwnStatefulFirewallLetsAnswersThrough) {
    const Container web = add("w", {"front"}, {"web"});
    lab::shell(
        "nft 'add table ip f; add chain ip f i { type filter hook input priority 0; policy drop; }; "
        "add rule ip f i ct state established accept; add rule ip f i ip daddr 127.0.0.11 accept'",
        web.netns());
    EXPECT_EQ(ask(web.netns(), question("web")), "NOERROR " + web.ip());
    EXPECT_EQ(ask(web.netns(), question("web"), true), "NOERROR " + web.ip());
}

TEST_F(DnsTest, RealResolversUnderstandTheAnswers) {
    const Container web = add("w", {"front"}, {"web"});
    upstream_ = std::make_unique<FakeUpstream>();
    write_file_atomically(directory_ + "/container-resolv.conf", "nameserver 127.0.0.11\noptions ndots:0\n",
                          Durability::crash, 0644);
    ASSERT_EQ(::mount((directory_ + "/container-resolv.conf").c_str(), "/etc/resolv.conf", nullptr, MS_BIND,
                      nullptr),
              0);
    const std::string known = lab::shell("getent ahostsv4 web; getent ahostsv4 known.test", web.netns());
    const std::string busybox = lab::shell("busybox nslookup web 127.0.0.11", web.netns());
    EXPECT_EQ(::umount2("/etc/resolv.conf", MNT_DETACH), 0);
    EXPECT_NE(known.find(web.ip() + " "), std::string::npos) << known;
    EXPECT_NE(known.find("203.0.113.7 "), std::string::npos) << known;
    EXPECT_NE(busybox.find("Address: " + web.ip()), std::string::npos) << busybox;
}

TEST_F(DnsTest, UnknownNamesAreAskedUpstream) {
    upstream_ = std::make_unique<FakeUpstream>();
    const Container web = add("w", {"front"}, {"web"});
    EXPECT_EQ(ask(web.netns(), question("known.test")), "NOERROR 203.0.113.7");
    EXPECT_EQ(ask(web.netns(), question("known.test"), true), "NOERROR 203.0.113.7");
    EXPECT_EQ(ask(web.netns(), question("nothing.test")), "NXDOMAIN");
}

TEST_F(DnsTest, AnswersTooLongForUdpComeOverTcp) {
    upstream_ = std::make_unique<FakeUpstream>();
    const Container web = add("w", {"front"}, {"web"});
    EXPECT_EQ(ask(web.netns(), question("big.test")), "NOERROR TC");
    const std::string whole = ask(web.netns(), question("big.test"), true);
    EXPECT_EQ(std::count(whole.begin(), whole.end(), ' '), 200) << whole;
    dns::Query roomy = question("big.test");
    roomy.edns = true;
    roomy.udp_size = 4096;
    EXPECT_EQ(ask(web.netns(), roomy).substr(0, 19), "NOERROR 203.0.113.1");
}

TEST_F(DnsTest, InternalNetworksAskNobodyElse) {
    upstream_ = std::make_unique<FakeUpstream>();
    const Container hidden = add("h", {"inner"}, {"hidden"});
    EXPECT_EQ(ask(hidden.netns(), question("hidden")), "NOERROR " + hidden.ip());
    EXPECT_EQ(ask(hidden.netns(), question("known.test")), "NXDOMAIN");
    EXPECT_EQ(upstream_->asked, 0);
}

TEST_F(DnsTest, ReservedNamesAreNeverAskedElsewhere) {
    upstream_ = std::make_unique<FakeUpstream>();
    const Container web = add("w", {"front"}, {"web"});
    on_loop([&] { server_->reserve_names({"db"}); });
    EXPECT_EQ(ask(web.netns(), question("db")), "NXDOMAIN");
    EXPECT_EQ(upstream_->asked, 0);
}

TEST_F(DnsTest, ASilentUpstreamDelaysNobodyElse) {
    upstream_ = std::make_unique<FakeUpstream>();
    const Container web = add("w", {"front"}, {"web"});
    const UniqueFd waiting = resolver_socket(web.netns(), SOCK_DGRAM);
    const Bytes slow = dns::encode(question("slow.test"));
    ::send(waiting.get(), slow.data(), slow.size(), 0);
    EXPECT_EQ(ask(web.netns(), question("web")), "NOERROR " + web.ip());
    EXPECT_EQ(ask(web.netns(), question("known.test")), "NOERROR 203.0.113.7");
    Bytes answer(512);
    ASSERT_GT(::recv(waiting.get(), answer.data(), answer.size(), 0), 12);
    EXPECT_EQ(answer[3] & 0xf, static_cast<int>(dns::Code::server_failure));
}

TEST_F(DnsTest, WithoutResolversTheAnswerIsAQuickFailure) {
    write_file_atomically(directory_ + "/resolv.conf", "# none\n", Durability::crash);
    const Container web = add("w", {"front"}, {"web"});
    EXPECT_EQ(ask(web.netns(), question("known.test")), "SERVFAIL");
}

TEST_F(DnsTest, GarbageIsSurvived) {
    const Container web = add("w", {"front"}, {"web"});
    const UniqueFd socket = resolver_socket(web.netns(), SOCK_DGRAM);
    Bytes message = dns::encode(question("web"));
    for (std::size_t size = 0; size < message.size(); ++size) ::send(socket.get(), message.data(), size, 0);
    Bytes loop = message;
    loop[12] = 0xc0;  // the name points at itself
    loop[13] = 12;
    ::send(socket.get(), loop.data(), loop.size(), 0);
    EXPECT_EQ(ask(web.netns(), question("web")), "NOERROR " + web.ip());
    // Half a message over TCP, then the end.
    {
        const UniqueFd half = resolver_socket(web.netns(), SOCK_STREAM);
        ::send(half.get(), "\0", 1, 0);
    }
    EXPECT_EQ(ask(web.netns(), question("web"), true), "NOERROR " + web.ip());
}

TEST_F(DnsTest, QueriesWaitWhileTheServersProcessIsReplaced) {
    const Container web = add("w", {"front"}, {"web"});
    stop_server();
    std::string over_udp;
    std::string over_tcp;
    std::thread udp{[&] { over_udp = ask(web.netns(), question("web")); }};
    std::thread tcp{[&] { over_tcp = ask(web.netns(), question("web"), true); }};
    EXPECT_TRUE(eventually([&] {
        return !lab::shell("ss -Htn state established dst 127.0.0.11", web.netns()).empty() &&
               !lab::shell("ss -Hun dst 127.0.0.11", web.netns()).empty();
    }));
    start_server();
    on_loop([&] { server_->set_names("w", web.seats); });
    serve("w", web);
    udp.join();
    tcp.join();
    EXPECT_EQ(over_udp, "NOERROR " + web.ip());
    EXPECT_EQ(over_tcp, "NOERROR " + web.ip());
}

TEST_F(DnsTest, ARemovedClientsSocketsAreReleased) {
    Container web = add("w", {"front"}, {"web"});
    const auto descriptors = [] {
        return std::stoi(lab::shell(fmt::format("ls /proc/{}/fd | wc -l", ::getpid())));
    };
    EXPECT_EQ(ask(web.netns(), question("web")), "NOERROR " + web.ip());
    const int before = descriptors();
    on_loop([&] { server_->remove_client("w"); });
    EXPECT_TRUE(eventually([&] { return descriptors() == before - 2; }));
}

}  // namespace
}  // namespace stack::network
