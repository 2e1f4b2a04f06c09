// The hub on a throw-away host: who reaches whom, and what is left behind.
#include "network/links.hpp"
#include "network/namespace.hpp"
#include "network_lab.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <regex>

#include <fmt/format.h>

namespace stack::network {
namespace {

using namespace lab;

NetworkSpec network(const std::string& name, const std::string& subnet = "", bool internal = false) {
    NetworkSpec spec;
    spec.name = name;
    spec.key = name;
    spec.subnet = subnet;
    spec.internal = internal;
    return spec;
}

// What does not belong to the test: counters and times change by themselves.
std::string stable(const std::string& state) {
    return std::regex_replace(state, std::regex{"(valid_lft|qlen) [^ \n]*"}, "");
}

class HubTest : public HostLab {};

TEST_F(HubTest, ContainersOfOneNetworkReachEachOther) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("shop_default"));
    const Container a = make_container(hub, "a", {"shop_default"});
    const Container b = make_container(hub, "b", {"shop_default"});
    const Server server{b.netns(), b.ip(), 80, "b"};
    // The first packet after joining must not be lost, nor the ARP request before it: each would be sent again after 1 s.
    const UniqueFd first = connect_tcp(a.netns(), b.ip(), 80);
    tcp_info info{};
    socklen_t size = sizeof info;
    ASSERT_EQ(::getsockopt(first.get(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    EXPECT_EQ(info.tcpi_total_retrans, 0u);
    EXPECT_LT(info.tcpi_rtt, 900'000u) << "microseconds";
    EXPECT_EQ(ask_tcp(a.netns(), b.ip(), 80), "b FROM " + a.ip());
}

TEST_F(HubTest, NetworksAreIsolatedFromEachOther) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("front"));
    hub.ensure_network(network("back"));
    const Container a = make_container(hub, "a", {"front"});
    const Container b = make_container(hub, "b", {"back"});
    const Container both = make_container(hub, "c", {"front", "back"});
    const Server server{b.netns(), b.ip(), 80, "b"};
    EXPECT_EQ(ask_tcp(both.netns(), b.ip(), 80), "b FROM " + both.ip(1));
    EXPECT_EQ(ask_tcp(a.netns(), b.ip(), 80, 300ms), "timeout");
    EXPECT_EQ(ask_udp(a.netns(), b.ip(), 80, 300ms), "timeout");
}

TEST_F(HubTest, ProjectsAreIsolatedFromEachOther) {
    Hub one = Hub::create(options("one"));
    Hub two = Hub::create(options("two"));
    one.ensure_network(network("one_default"));
    two.ensure_network(network("two_default"));
    const Container a = make_container(one, "a", {"one_default"});
    const Container b = make_container(two, "b", {"two_default"});
    ASSERT_NE(a.seats[0].ip, b.seats[0].ip);
    const Server server{b.netns(), b.ip(), 80, "b"};
    EXPECT_EQ(ask_tcp(host_.get(), b.ip(), 80).substr(0, 1), "b");
    EXPECT_EQ(ask_tcp(a.netns(), b.ip(), 80, 300ms), "timeout");
}

TEST_F(HubTest, ContainersReachTheWorldUnderTheHostsAddress) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("shop_default"));
    const Container a = make_container(hub, "a", {"shop_default"});
    const Server tcp{lan_.get(), kLanIp, 80, "lan"};
    const Server udp{lan_.get(), kLanIp, 80, "lan", true};
    EXPECT_EQ(ask_tcp(a.netns(), kLanIp, 80), fmt::format("lan FROM {}", kHostIp));
    EXPECT_EQ(ask_udp(a.netns(), kLanIp, 80), fmt::format("lan FROM {}", kHostIp));
}

TEST_F(HubTest, InternalNetworksHaveNoWayOutAndNoneIn) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("inner", "", true));
    const Container a = make_container(hub, "a", {"inner"});
    const Container b = make_container(hub, "b", {"inner"});
    const Server lan{lan_.get(), kLanIp, 80, "lan"};
    const Server server{b.netns(), b.ip(), 80, "b"};
    EXPECT_EQ(ask_tcp(a.netns(), b.ip(), 80), "b FROM " + a.ip());
    EXPECT_EQ(ask_tcp(a.netns(), kLanIp, 80, 300ms), "unreachable");
    EXPECT_EQ(ask_tcp(host_.get(), b.ip(), 80, 300ms), "timeout");
    // Nor with a route that the container makes itself.
    shell("ip route add default via " + hub.networks()[0].gateway, a.netns());
    EXPECT_EQ(ask_tcp(a.netns(), kLanIp, 80, 300ms), "timeout");
    EXPECT_EQ(ask_tcp(a.netns(), hub.host_gateway(), 80, 300ms), "timeout");
}

TEST_F(HubTest, TheHostReachesContainersOnEveryNetworkAndIsSeenAsTheGateway) {
    Hub hub = Hub::create(options("shop"));
    const NetworkSpec front = hub.ensure_network(network("front"));
    const NetworkSpec back = hub.ensure_network(network("back"));
    const Container c = make_container(hub, "c", {"front", "back"});
    const Server server{c.netns(), "0.0.0.0", 80, "c"};
    EXPECT_EQ(ask_tcp(host_.get(), c.ip(0), 80), "c FROM " + front.gateway);
    EXPECT_EQ(ask_tcp(host_.get(), c.ip(1), 80), "c FROM " + back.gateway);
}

TEST_F(HubTest, TheNeighbourhoodCannotReachContainersDirectly) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("shop_default"));
    const Container c = make_container(hub, "c", {"shop_default"});
    const Server server{c.netns(), c.ip(), 80, "c"};
    // The neighbour's default route is this host, which forwards.
    EXPECT_EQ(ask_tcp(lan_.get(), c.ip(), 80, 300ms), "timeout");
    EXPECT_EQ(ask_tcp(lan_.get(), hub.host_gateway(), 80), "refused");
}

TEST_F(HubTest, ContainersReachTheHostByItsGatewayAddressButNotItsLoopback) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("shop_default"));
    const Container c = make_container(hub, "c", {"shop_default"});
    const Server open{host_.get(), "0.0.0.0", 80, "host"};
    const Server local{host_.get(), "127.0.0.1", 81, "secret"};
    EXPECT_EQ(ask_tcp(c.netns(), hub.host_gateway(), 80), "host FROM " + c.ip());
    EXPECT_EQ(ask_tcp(c.netns(), kHostIp, 80), "host FROM " + c.ip());
    // Even a container that may send 127.0.0.1 to its gateway gets nowhere.
    shell(
        "ip addr del 127.0.0.1/8 dev lo; sysctl -qw net.ipv4.conf.all.route_localnet=1; "
        "ip route del table local local 127.0.0.0/8 dev lo; ip route add 127.0.0.0/8 via " +
            hub.networks()[0].gateway,
        c.netns());
    EXPECT_NE(ask_tcp(c.netns(), "127.0.0.1", 81, 300ms).substr(0, 6), "secret");
}

TEST_F(HubTest, AContainerCannotSpeakUnderAnotherNetworksAddress) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("front"));
    hub.ensure_network(network("back"));
    const Container a = make_container(hub, "a", {"front"});
    const Container b = make_container(hub, "b", {"back"});
    const Server lan{lan_.get(), kLanIp, 80, "lan", true};
    shell(fmt::format("ip addr add {}/32 dev eth0; ip route replace default via {} src {}", b.ip(),
                      a.seats[0].gateway, b.ip()),
          a.netns());
    EXPECT_EQ(ask_udp(a.netns(), kLanIp, 80, 300ms), "timeout");
}

TEST_F(HubTest, TwoProjectsMayUseTheSameSubnet) {
    Hub one = Hub::create(options("one"));
    Hub two = Hub::create(options("two"));
    one.ensure_network(network("one_default", "10.77.0.0/24"));
    two.ensure_network(network("two_default", "10.77.0.0/24"));
    const Server lan{lan_.get(), kLanIp, 80, "lan"};
    for (Hub* hub : {&one, &two}) {
        const std::string name = hub->networks()[0].name;
        const Container a = make_container(*hub, "a", {name});
        const Container b = make_container(*hub, "b", {name});
        EXPECT_EQ(a.ip(), "10.77.0.2");
        const Server server{b.netns(), b.ip(), 80, name};
        EXPECT_EQ(ask_tcp(a.netns(), b.ip(), 80), name + " FROM 10.77.0.2");
        EXPECT_EQ(ask_tcp(a.netns(), kLanIp, 80), fmt::format("lan FROM {}", kHostIp));
    }
}

TEST_F(HubTest, ASubnetOfTheHostIsNeverRoutedAwayFromIt) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("clash", "192.0.2.0/24"));
    const Container a = make_container(hub, "a", {"clash"});
    const Server lan{lan_.get(), kLanIp, 80, "lan"};
    EXPECT_EQ(ask_tcp(host_.get(), kLanIp, 80), fmt::format("lan FROM {}", kHostIp));
    EXPECT_FALSE(hub.add_fast_path(PublishedPort{"0.0.0.0", 8080, "tcp", 80}, a.seats[0]));
}

TEST_F(HubTest, ChosenSubnetsAvoidWhatTheHostRoutes) {
    shell("ip route add 10.208.0.0/14 via 192.0.2.9");
    Hub hub = Hub::create(options("shop"));
    EXPECT_EQ(hub.ensure_network(network("a")).subnet, "10.212.0.0/22");
    EXPECT_EQ(hub.ensure_network(network("b")).subnet, "10.212.4.0/22");
}

TEST_F(HubTest, RemovalLeavesTheHostAsItWas) {
    const std::string before = host_state();
    {
        Hub hub = Hub::create(options("shop"));
        hub.ensure_network(network("front"));
        hub.ensure_network(network("back", "", true));
        const Container a = make_container(hub, "a", {"front", "back"});
        hub.add_fast_path(PublishedPort{"0.0.0.0", 8080, "tcp", 80}, a.seats[0]);
        EXPECT_NE(stable(host_state()), stable(before));
    }
    remove_hub(options("shop"));
    EXPECT_EQ(stable(host_state()), stable(before));
    remove_hub(options("shop"));
    EXPECT_EQ(stable(host_state()), stable(before));
}

TEST_F(HubTest, SingleNetworksComeAndGo) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("front"));
    const std::string before = host_state();
    hub.ensure_network(network("back"));
    hub.allocate("a", {seat_on("back")});
    EXPECT_THROW(hub.remove_network("back"), Error);
    hub.release("a");
    hub.remove_network("back");
    hub.remove_network("back");
    EXPECT_EQ(stable(host_state()), stable(before));
}

TEST_F(HubTest, SurvivesTheDeathOfEveryHolder) {
    std::string ip;
    EndpointNamespace kept;  // the keeper's share
    {
        Hub hub = Hub::create(options("shop"));
        hub.ensure_network(network("shop_default"));
        Container a = make_container(hub, "a", {"shop_default"});
        ip = a.ip();
        kept = std::move(a.net);
    }
    std::optional<Hub> hub = Hub::open(options("shop"));
    ASSERT_TRUE(hub);
    EXPECT_EQ(hub->allocate("a", {seat_on("shop_default")})[0].ip, ip);
    const Container b = make_container(*hub, "b", {"shop_default"});
    EXPECT_NE(b.ip(), ip);
    const Server server{kept.netns.get(), ip, 80, "a"};
    EXPECT_EQ(ask_tcp(b.netns(), ip, 80), "a FROM " + b.ip());
    EXPECT_EQ(ask_tcp(host_.get(), ip, 80).substr(0, 1), "a");
}

TEST_F(HubTest, CreateTakesOverAndRepairsTheHostSide) {
    { Hub::create(options("shop")).ensure_network(network("shop_default")); }
    shell("nft flush ruleset; ip link del $(ip -o link | grep -o 'stk-[0-9a-f]*')");
    Hub hub = Hub::create(options("shop"));
    const Container a = make_container(hub, "a", {"shop_default"});
    const Server lan{lan_.get(), kLanIp, 80, "lan"};
    EXPECT_EQ(ask_tcp(a.netns(), kLanIp, 80), fmt::format("lan FROM {}", kHostIp));
}

TEST_F(HubTest, AHubWhosePinIsGoneIsNotOpened) {
    { Hub::create(options("shop")).ensure_network(network("shop_default")); }
    unpin_namespace(options("shop").run_directory + "/hub.ns");
    EXPECT_FALSE(Hub::open(options("shop")));
    Hub hub = Hub::create(options("shop"));  // makes it anew, networks included
    const Container a = make_container(hub, "a", {"shop_default"});
    const Container b = make_container(hub, "b", {"shop_default"});
    const Server server{b.netns(), b.ip(), 80, "b"};
    EXPECT_EQ(ask_tcp(a.netns(), b.ip(), 80), "b FROM " + a.ip());
}

TEST_F(HubTest, AnAddressIsReusableAtOnceAfterItsNamespaceIsDropped) {
    Hub hub = Hub::create(options("shop"));
    hub.ensure_network(network("shop_default"));
    const Container peer = make_container(hub, "p", {"shop_default"});
    for (int round = 0; round < 5; ++round) {
        const Container c = make_container(hub, "c", {"shop_default"});
        const Server server{c.netns(), c.ip(), 80, "c"};
        EXPECT_EQ(ask_tcp(peer.netns(), c.ip(), 80), "c FROM " + peer.ip());
    }
}

TEST_F(HubTest, DockersForwardPolicyDoesNotStopContainers) {
    shell(
        "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy "
        "drop; }; "
        "add chain ip filter DOCKER-USER; add rule ip filter FORWARD jump DOCKER-USER'");
    const std::string before = host_state();
    {
        Hub hub = Hub::create(options("shop"));
        hub.ensure_network(network("shop_default"));
        const Container a = make_container(hub, "a", {"shop_default"});
        const Server lan{lan_.get(), kLanIp, 80, "lan"};
        EXPECT_EQ(ask_tcp(a.netns(), kLanIp, 80), fmt::format("lan FROM {}", kHostIp));
    }
    remove_hub(options("shop"));
    EXPECT_EQ(stable(host_state()), stable(before));
}

TEST_F(HubTest, TellsThatItTurnedOnForwarding) {
    write_sysctl("ipv4/ip_forward", "0");
    Hub hub = Hub::create(options("shop"));
    const std::vector<std::string> notes = hub.take_notes();
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_NE(notes[0].find("ip_forward"), std::string::npos);
    EXPECT_EQ(read_sysctl("ipv4/ip_forward"), "1");
}

TEST_F(HubTest, WithoutUplinkContainersTalkAmongThemselvesAndTheHostIsUntouched) {
    HubOptions rootless = options("shop");
    rootless.uplink = Uplink::none;
    const std::string before = shell("ip -o link; ip route; nft list ruleset");
    Hub hub = Hub::create(rootless);
    hub.ensure_network(network("shop_default"));
    const Container a = make_container(hub, "a", {"shop_default"});
    const Container b = make_container(hub, "b", {"shop_default"});
    const Server server{b.netns(), b.ip(), 80, "b"};
    EXPECT_EQ(ask_tcp(a.netns(), b.ip(), 80), "b FROM " + a.ip());
    EXPECT_EQ(shell("ip -o link; ip route; nft list ruleset"), before);
    remove_hub(rootless);
}

}  // namespace
}  // namespace stack::network
