// Choice of subnets and addresses, without a kernel.
#include "network/ipam.hpp"
#include "runtime/base/error.hpp"

#include <gtest/gtest.h>

namespace stack::network {
namespace {

Prefix prefix(const char* text) {
    return *Prefix::parse(text);
}

NetworkSpec network(const std::string& subnet = "") {
    NetworkSpec spec;
    spec.name = "shop_default";
    spec.subnet = subnet;
    return spec;
}

ErrorKind kind_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.kind();
    }
    return ErrorKind::internal;
}

TEST(Ipv4, ReadsFourPlainOctetsOnly) {
    EXPECT_EQ(Ipv4::parse("10.0.0.1")->text(), "10.0.0.1");
    EXPECT_EQ(Ipv4::parse("255.255.255.255")->value, 0xffffffffu);
    for (const char* bad : {"", "10.0.0", "10.0.0.0.1", "10.0.0.256", "10.0.0.01", "10.0.0.-1", "10.0.0.1 ",
                            "0x0a.0.0.1", "10..0.1", "1000.0.0.1"})
        EXPECT_FALSE(Ipv4::parse(bad)) << bad;
}

TEST(Prefix, KnowsItsBoundsAndOverlaps) {
    EXPECT_EQ(prefix("10.0.0.0/22").last().text(), "10.0.3.255");
    EXPECT_EQ(prefix("0.0.0.0/0").last().text(), "255.255.255.255");
    EXPECT_TRUE(prefix("0.0.0.0/0").contains(Ipv4{42}));
    EXPECT_TRUE(prefix("10.0.0.0/8").overlaps(prefix("10.9.0.0/16")));
    EXPECT_TRUE(prefix("10.9.0.0/16").overlaps(prefix("10.0.0.0/8")));
    EXPECT_FALSE(prefix("10.9.0.0/16").overlaps(prefix("10.10.0.0/16")));
    EXPECT_FALSE(Prefix::parse("10.0.0.1/24"));
    EXPECT_EQ(Prefix::parse("10.0.0.1/24", true)->text(), "10.0.0.0/24");
    for (const char* bad : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/24", "10.0.0.0/2 4"})
        EXPECT_FALSE(Prefix::parse(bad)) << bad;
}

TEST(Ipam, StepsOverEverythingThatIsTaken) {
    const std::vector<Pool> pools{{prefix("10.0.0.0/8"), 24}, {prefix("192.168.0.0/16"), 24}};
    EXPECT_EQ(choose_subnet(pools, {}).text(), "10.0.0.0/24");
    EXPECT_EQ(choose_subnet(pools, {prefix("10.0.0.128/25")}).text(), "10.0.1.0/24");
    EXPECT_EQ(choose_subnet(pools, {prefix("10.0.0.0/9")}).text(), "10.128.0.0/24");
    EXPECT_EQ(choose_subnet(pools, {prefix("10.0.1.0/24"), prefix("10.0.0.0/24")}).text(), "10.0.2.0/24");
    EXPECT_EQ(choose_subnet(pools, {prefix("10.0.0.0/8")}).text(), "192.168.0.0/24");
    EXPECT_EQ(kind_of([&] { choose_subnet(pools, {prefix("0.0.0.0/0")}); }), ErrorKind::conflict);
    EXPECT_EQ(choose_subnet({{prefix("255.255.255.0/24"), 26}}, {prefix("255.255.255.0/25")}).text(),
              "255.255.255.128/26");
}

TEST(Ipam, CompletesWhatTheFileLeavesOut) {
    const NetworkSpec chosen = complete_network(network(), default_pools(), {}, {});
    EXPECT_EQ(chosen.subnet, "10.208.0.0/22");
    EXPECT_EQ(chosen.gateway, "10.208.0.1");
    const NetworkSpec given =
        complete_network(network("10.5.0.0/24"), default_pools(), {}, {prefix("10.0.0.0/8")});
    EXPECT_EQ(given.subnet, "10.5.0.0/24");
    EXPECT_EQ(given.gateway, "10.5.0.1");
}

TEST(Ipam, RefusesWhatDoesNotFitTogether) {
    const auto kind = [](const std::function<void(NetworkSpec&)>& spoil) {
        NetworkSpec spec = network("10.5.0.0/24");
        spoil(spec);
        return kind_of([&] { complete_network(spec, default_pools(), {prefix("10.6.0.0/16")}, {}); });
    };
    EXPECT_EQ(kind([](NetworkSpec& s) { s.subnet = "10.5.0.7/24"; }), ErrorKind::invalid_input);
    EXPECT_EQ(kind([](NetworkSpec& s) { s.subnet = "10.5.0.0/30"; }), ErrorKind::invalid_input);
    EXPECT_EQ(kind([](NetworkSpec& s) { s.subnet = "fd00::/64"; }), ErrorKind::invalid_input);
    EXPECT_EQ(kind([](NetworkSpec& s) { s.subnet = "10.6.3.0/24"; }), ErrorKind::conflict);
    EXPECT_EQ(kind([](NetworkSpec& s) { s.gateway = "10.7.0.1"; }), ErrorKind::invalid_input);
    EXPECT_EQ(kind([](NetworkSpec& s) { s.gateway = "10.5.0.255"; }), ErrorKind::invalid_input);
    EXPECT_EQ(kind([](NetworkSpec& s) { s.ip_range = "10.5.0.0/16"; }), ErrorKind::invalid_input);
    EXPECT_EQ(kind([](NetworkSpec& s) { s.reserved = {"10.9.0.1"}; }), ErrorKind::invalid_input);
}

TEST(Ipam, GivesTheNextFreeAddressAndWrapsAround) {
    NetworkSpec spec = complete_network(network("10.5.0.0/29"), {}, {}, {});
    spec.reserved = {"10.5.0.3"};
    std::set<Ipv4> taken;
    std::optional<Ipv4> last;
    std::string order;
    for (int i = 0; i < 4; ++i) {
        last = choose_address(spec, taken, "", last);
        taken.insert(*last);
        order += last->text() + " ";
    }
    EXPECT_EQ(order, "10.5.0.2 10.5.0.4 10.5.0.5 10.5.0.6 ");
    EXPECT_EQ(kind_of([&] { choose_address(spec, taken, "", last); }), ErrorKind::conflict);
    taken.erase(*Ipv4::parse("10.5.0.4"));
    EXPECT_EQ(choose_address(spec, taken, "", last).text(), "10.5.0.4");
}

TEST(Ipam, ChecksStaticAddresses) {
    const NetworkSpec spec = complete_network(network("10.5.0.0/24"), {}, {}, {});
    const std::set<Ipv4> taken{*Ipv4::parse("10.5.0.9")};
    EXPECT_EQ(choose_address(spec, taken, "10.5.0.77").text(), "10.5.0.77");
    EXPECT_EQ(kind_of([&] { choose_address(spec, taken, "10.5.0.9"); }), ErrorKind::conflict);
    for (const char* bad : {"10.6.0.1", "10.5.0.0", "10.5.0.255", "10.5.0.1", "somewhere"})
        EXPECT_EQ(kind_of([&] { choose_address(spec, taken, bad); }), ErrorKind::invalid_input) << bad;
}

TEST(Ipam, TheMacFollowsFromTheAddress) {
    EXPECT_EQ(mac_of(*Ipv4::parse("10.208.0.2")), "02:42:0a:d0:00:02");
}

}  // namespace
}  // namespace stack::network
