// What a container finds in its network namespace.
#include "network/namespace.hpp"
#include "network_lab.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/network_namespace.hpp"
#include "runtime/base/path_at.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace stack::network {
namespace {

using namespace lab;

class EndpointTest : public HostLab {
  protected:
    void SetUp() override {
        HostLab::SetUp();
        if (IsSkipped()) return;
        hub_.emplace(Hub::create(options("shop")));
        NetworkSpec spec;
        spec.name = "inner";
        spec.internal = true;
        spec.mtu = 1400;
        hub_->ensure_network(spec);
        spec = NetworkSpec{};
        spec.name = "front";
        spec.subnet = "10.99.0.0/24";
        spec.ip_range = "10.99.0.128/25";
        spec.reserved = {"10.99.0.128"};
        hub_->ensure_network(spec);
    }
    std::optional<Hub> hub_;
};

TEST_F(EndpointTest, SeatsHaveTheirNamesAddressesAndRoutes) {
    const Container c = make_container(*hub_, "c", {"inner", "front"});
    EXPECT_EQ(c.seats[0].interface, "eth0");
    EXPECT_EQ(c.seats[0].gateway, "");
    EXPECT_EQ(c.seats[1].interface, "eth1");
    EXPECT_EQ(c.seats[1].ip, "10.99.0.129");
    EXPECT_EQ(c.seats[1].prefix_length, 24);
    EXPECT_EQ(c.seats[1].gateway, "10.99.0.1");
    EXPECT_EQ(c.seats[1].mac, "02:42:0a:63:00:81");
    const std::string links = shell("ip -o link", c.netns());
    EXPECT_NE(links.find("eth0@"), std::string::npos) << links;
    EXPECT_NE(links.find("mtu 1400"), std::string::npos) << links;
    EXPECT_NE(links.find("02:42:0a:63:00:81"), std::string::npos) << links;
    EXPECT_EQ(shell("ip route show default", c.netns()), "default via 10.99.0.1 dev eth1 proto static \n");
    EXPECT_NE(shell("ip -o -4 addr", c.netns()).find("10.99.0.129/24 brd 10.99.0.255"), std::string::npos);
    EXPECT_EQ(shell("ip -o -6 addr", c.netns()).find("eth"), std::string::npos);
}

TEST_F(EndpointTest, AnyUserMayPing) {
    const Container c = make_container(*hub_, "c", {"front"});
    int err = -1;
    in_network_namespace(c.netns(), [&] {
        // The raw call changes this thread alone.
        ASSERT_EQ(::syscall(SYS_setresuid, 65534, 65534, 65534), 0);
        const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)};
        err = socket.valid() ? 0 : errno;
    });
    EXPECT_EQ(err, 0);
}

// CVE-2020-13401: no neighbour becomes the IPv6 router, because there is no IPv6 but on lo.
TEST_F(EndpointTest, NoInterfaceHearsRouterAdvertisements) {
    const Container c = make_container(*hub_, "c", {"front"});
    int interfaces = 0;
    in_network_namespace(c.netns(), [&] {
        for (const std::string& name : list_directory("/proc/sys/net/ipv6/conf")) {
            if (name == "lo" || name == "all") continue;
            ++interfaces;
            EXPECT_EQ(read_sysctl("ipv6/conf/" + name + "/disable_ipv6"), "1") << name;
        }
    });
    EXPECT_GE(interfaces, 2);  // `default`, and what the network gave it
}

TEST_F(EndpointTest, NothingListensButTheDnsSockets) {
    const Container c = make_container(*hub_, "c", {"front"});
    const std::string sockets = shell("ss -Htunl | awk '{print $5}' | sed 's/:.*//' | sort -u", c.netns());
    EXPECT_EQ(sockets, "127.0.0.11\n");
}

TEST_F(EndpointTest, StaticAddressesAreKeptAndNeverGivenTwice) {
    EndpointSpec fixed = seat_on("front");
    fixed.ip = "10.99.0.129";
    EXPECT_EQ(hub_->allocate("a", {fixed})[0].ip, "10.99.0.129");
    EXPECT_EQ(hub_->allocate("b", {seat_on("front")})[0].ip, "10.99.0.130");
    EXPECT_THROW(hub_->allocate("c", {fixed}), Error);
    EXPECT_THROW(hub_->allocate("c", {seat_on("inner"), fixed}), Error);
    EXPECT_EQ(hub_->allocate("a", {fixed})[0].ip, "10.99.0.129");
    hub_->release("a");
    EXPECT_EQ(hub_->allocate("c", {fixed})[0].ip, "10.99.0.129");
}

TEST_F(EndpointTest, AnIsolatedNamespaceHasLoopbackOnly) {
    const UniqueFd netns = make_isolated_namespace();
    const Server server{netns.get(), "127.0.0.1", 80, "self"};
    EXPECT_EQ(ask_tcp(netns.get(), "127.0.0.1", 80), "self FROM 127.0.0.1");
    EXPECT_EQ(ask_tcp(netns.get(), kLanIp, 80), "unreachable");
}

}  // namespace
}  // namespace stack::network
