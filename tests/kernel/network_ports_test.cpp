// Published ports on a throw-away host: every way in that users know, by fast path and by proxy.
#include "network/port_proxy.hpp"
#include "network/port_publish.hpp"
#include "network_lab.hpp"
#include "runtime/base/error.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include <fmt/format.h>

namespace stack::network {
namespace {

using namespace lab;

PublishedPort port(std::uint16_t host_port, const std::string& host_ip = "0.0.0.0",
                   const std::string& protocol = "tcp", std::uint16_t container_port = 80) {
    PublishedPort result;
    result.host_ip = host_ip;
    result.host_port = host_port;
    result.protocol = protocol;
    result.container_port = container_port;
    return result;
}

class PortsTest : public HostLab {
  protected:
    void SetUp() override {
        HostLab::SetUp();
        if (IsSkipped()) return;
        hub_.emplace(Hub::create(options("shop")));
        NetworkSpec spec;
        spec.name = "shop_default";
        gateway_ = hub_->ensure_network(spec).gateway;
        container_ = make_container(*hub_, "web", {"shop_default"});
    }

    PortProxy::Target target(std::uint16_t container_port = 80) { return {container_.ip(), container_port}; }

    std::optional<Hub> hub_;
    std::string gateway_;
    Container container_;
};

TEST_F(PortsTest, APortIsServedOnEveryAddressOfTheHost) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    ReservedPort reserved = reserve_port(port(8080));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    for (const bool fast : {false, true}) {
        if (fast) {
            ASSERT_TRUE(hub_->add_fast_path(reserved.port, container_.seats[0]));
        }
        const std::string from_gateway = "web FROM " + gateway_;
        EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), from_gateway) << fast;
        EXPECT_EQ(ask_tcp(host_.get(), kHostIp, 8080), from_gateway) << fast;
        EXPECT_EQ(ask_tcp(host_.get(), "::1", 8080), from_gateway) << fast;
        EXPECT_EQ(ask_tcp(lan_.get(), kHostIp, 8080), from_gateway) << fast;
        // From inside, to the host's address and around to itself.
        EXPECT_EQ(ask_tcp(container_.netns(), kHostIp, 8080), from_gateway) << fast;
    }
    hub_->remove_fast_path(reserved.port);
    hub_->remove_fast_path(reserved.port);
    proxy.remove("web");
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "refused");
}

TEST_F(PortsTest, TheFastPathNeedsNoProxy) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    const Server udp{container_.netns(), "0.0.0.0", 80, "web", true};
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "refused");
    ASSERT_TRUE(hub_->add_fast_path(port(8080), container_.seats[0]));
    ASSERT_TRUE(hub_->add_fast_path(port(8080, "0.0.0.0", "udp"), container_.seats[0]));
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "web FROM " + gateway_);
    EXPECT_EQ(ask_tcp(host_.get(), kHostIp, 8080), "web FROM " + gateway_);
    EXPECT_EQ(ask_udp(host_.get(), "127.0.0.1", 8080), "web FROM " + gateway_);
    EXPECT_EQ(ask_tcp(lan_.get(), kHostIp, 8080), "refused");
}

TEST_F(PortsTest, TheFastPathRespectsTheAddressAPortIsBoundTo) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    ASSERT_TRUE(hub_->add_fast_path(port(8080, "127.0.0.1"), container_.seats[0]));
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "web FROM " + gateway_);
    EXPECT_EQ(ask_tcp(host_.get(), kHostIp, 8080), "refused");
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.2", 8080), "refused");
}

TEST_F(PortsTest, TheFastPathOfAPortMovesToANewContainer) {
    ASSERT_TRUE(hub_->add_fast_path(port(8080), container_.seats[0]));
    const Container other = make_container(*hub_, "web2", {"shop_default"});
    const Server server{other.netns(), "0.0.0.0", 80, "web2"};
    ASSERT_TRUE(hub_->add_fast_path(port(8080), other.seats[0]));
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "web2 FROM " + gateway_);
}

TEST_F(PortsTest, ALoopbackPortIsNotServedToTheNeighbourhood) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    ReservedPort reserved = reserve_port(port(8080, "127.0.0.1"));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    hub_->add_fast_path(reserved.port, container_.seats[0]);
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "web FROM " + gateway_);
    EXPECT_EQ(ask_tcp(lan_.get(), kHostIp, 8080), "refused");
    // A neighbour that addresses 127.0.0.1 to this host's link layer.
    lab::shell(
        "sysctl -qw net.ipv4.conf.all.route_localnet=1; ip link set lo down; "
        "ip route add 127.0.0.1/32 via 192.0.2.2",
        lan_.get());
    EXPECT_NE(ask_tcp(lan_.get(), "127.0.0.1", 8080, 300ms).substr(0, 3), "web");
}

TEST_F(PortsTest, UdpClientsGetTheirAnswersFromTheAddressTheyAsked) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web", true};
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    ReservedPort reserved = reserve_port(port(8080, "0.0.0.0", "udp"));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    // ask_udp connects its socket: an answer from elsewhere would not arrive.
    for (const char* address : {"127.0.0.1", kHostIp, "::1", "127.0.0.5"})
        EXPECT_EQ(ask_udp(host_.get(), address, 8080), "web FROM " + gateway_) << address;
    EXPECT_EQ(ask_udp(lan_.get(), kHostIp, 8080), "web FROM " + gateway_);
}

TEST_F(PortsTest, UdpFlowsAreBounded) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web", true};
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere(), PortProxy::Limits{16, 8}};
    ReservedPort reserved = reserve_port(port(8080, "127.0.0.1", "udp"));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    const auto descriptors = [] {
        return std::stoi(lab::shell(fmt::format("ls /proc/{}/fd | wc -l", ::getpid())));
    };
    const int before = descriptors();
    for (int i = 0; i < 50; ++i) EXPECT_EQ(ask_udp(host_.get(), "127.0.0.1", 8080), "web FROM " + gateway_);
    EXPECT_LE(descriptors(), before + 8);
}

TEST_F(PortsTest, EachDirectionEndsByItself) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    ReservedPort reserved = reserve_port(port(8080));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    const UniqueFd client = connect_tcp(host_.get(), "::1", 8080);
    // Both ways at once and much more than all buffers hold; the echo comes on after our end of file.
    constexpr std::size_t kSize = 32u << 20;
    std::thread writer{[&] {
        const std::string block(1 << 16, 'x');
        for (std::size_t sent = 0; sent < kSize; sent += block.size())
            write_all(client.get(), block, "socket");
        ::shutdown(client.get(), SHUT_WR);
    }};
    std::size_t got = 0;
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t n = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        ASSERT_GE(n, 0);
        if (n == 0) break;
        got += static_cast<std::size_t>(n);
    }
    writer.join();
    EXPECT_EQ(got, kSize + ("web FROM " + gateway_ + "\n").size());
}

TEST_F(PortsTest, ConnectionsWaitUntilThereIsATarget) {
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    ReservedPort reserved = reserve_port(port(8080));
    proxy.add("web", reserved.port, std::move(reserved.socket), std::nullopt);
    std::string answer;
    std::thread client{[&] { answer = ask_tcp(host_.get(), "127.0.0.1", 8080, 10s); }};
    EXPECT_TRUE(eventually([&] { return lab::shell("ss -Htn state established sport = 8080").size() > 0; }));
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    proxy.set_target("web", target());
    client.join();
    EXPECT_EQ(answer, "web FROM " + gateway_);
}

TEST_F(PortsTest, ConnectionsWaitWhileTheProxysProcessIsReplaced) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    ReservedPort reserved = reserve_port(port(8080));
    UniqueFd kept = reserved.socket.duplicate();  // the keeper's
    {
        PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
        proxy.add("web", reserved.port, std::move(reserved.socket), target());
        EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "web FROM " + gateway_);
    }
    std::string answer;
    std::thread client{[&] { answer = ask_tcp(host_.get(), "127.0.0.1", 8080, 10s); }};
    EXPECT_TRUE(eventually([&] { return lab::shell("ss -Htn state established sport = 8080").size() > 0; }));
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    proxy.add("web", reserved.port, std::move(kept), target());
    client.join();
    EXPECT_EQ(answer, "web FROM " + gateway_);
}

TEST_F(PortsTest, AResetInTheContainerIsAResetForTheClient) {
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    ReservedPort reserved = reserve_port(port(8080));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    // Nobody listens in the container.
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "ECONNRESET");
}

TEST_F(PortsTest, TooManyConnectionsWaitForTheirTurn) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere(), PortProxy::Limits{2, 2}};
    ReservedPort reserved = reserve_port(port(8080));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    std::optional<UniqueFd> first = connect_tcp(host_.get(), "127.0.0.1", 8080);
    const UniqueFd second = connect_tcp(host_.get(), "127.0.0.1", 8080);
    const auto greeted = [](const UniqueFd& socket) {
        char c = 0;
        return ::recv(socket.get(), &c, 1, MSG_PEEK) == 1;
    };
    ASSERT_TRUE(greeted(*first) && greeted(second));
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080, 300ms), "timeout");
    first.reset();
    EXPECT_EQ(ask_tcp(host_.get(), "127.0.0.1", 8080), "web FROM " + gateway_);
}

TEST_F(PortsTest, SurvivesRunningOutOfDescriptors) {
    const Server server{container_.netns(), "0.0.0.0", 80, "web"};
    PortProxy proxy{hub_->namespace_fd(), Log::to_nowhere()};
    ReservedPort reserved = reserve_port(port(8080));
    proxy.add("web", reserved.port, std::move(reserved.socket), target());
    // The client's socket is there before the limit is.
    const UniqueFd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    rlimit normal{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &normal), 0);
    rlimit tight = normal;
    tight.rlim_cur = static_cast<rlim_t>(client.get() + 1);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(8080);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    std::array<char, 3> word{};
    const timeval moment{0, 100000};
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    EXPECT_EQ(::recv(client.get(), word.data(), word.size(), MSG_WAITALL), -1);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &normal), 0);
    const timeval limit{5, 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::recv(client.get(), word.data(), word.size(), MSG_WAITALL), 3);
    EXPECT_EQ(std::string(word.data(), 3), "web");
}

TEST_F(PortsTest, AHeldPortIsReportedWithItsHolder) {
    const Server holder{host_.get(), "127.0.0.1", 8080, "other"};
    try {
        reserve_port(port(8080));
        FAIL() << "reserved a port that is in use";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::conflict);
        EXPECT_EQ(error.message(),
                  fmt::format("port 8080/tcp is in use by network_kernel_ (pid {})", ::getpid()));
    }
}

TEST_F(PortsTest, ARangeGivesTheFirstFreePort) {
    const Server holder{host_.get(), "0.0.0.0", 8000, "other"};
    const ReservedPort first = reserve_port(port(8000), 8002);
    const ReservedPort second = reserve_port(port(8000), 8002);
    EXPECT_EQ(first.port.host_port, 8001);
    EXPECT_EQ(second.port.host_port, 8002);
    EXPECT_THROW(reserve_port(port(8000), 8002), Error);
    EXPECT_GT(reserve_port(port(0)).port.host_port, 0);
}

TEST_F(PortsTest, AnAddressOfSomebodyElseIsRefused) {
    for (const char* address : {"192.0.2.77", "not-an-address", "127.1"}) {
        try {
            reserve_port(port(8080, address));
            ADD_FAILURE() << address;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << address;
        }
    }
}

}  // namespace
}  // namespace stack::network
