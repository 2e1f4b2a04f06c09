// The rules as text, compared with golden files; that nft takes them is the kernel ring's business.
#include "network/nft_ruleset.hpp"
#include "tests/support/golden.hpp"

#include <gtest/gtest.h>

namespace stack::network {
namespace {

using stack::test::matches_golden;

Prefix prefix(const char* text) {
    return *Prefix::parse(text);
}

PublishedPort port(const std::string& host_ip, const std::string& protocol) {
    PublishedPort result;
    result.host_ip = host_ip;
    result.host_port = 8080;
    result.protocol = protocol;
    result.container_port = 80;
    return result;
}

TEST(Ruleset, OfTheHost) {
    HostRules rules{"shop", "stack-1a2b3c4d", "stk-1a2b3c4d", prefix("169.254.64.4/30"), {}};
    EXPECT_TRUE(matches_golden("network/host_empty.nft", host_ruleset(rules)));
    rules.subnets = {prefix("10.208.4.0/22"), prefix("10.208.0.0/22")};
    EXPECT_TRUE(matches_golden("network/host_two_networks.nft", host_ruleset(rules)));
}

TEST(Ruleset, ProjectNamesCannotLeaveTheirQuotes) {
    const HostRules rules{"x\"; flush ruleset; #", "t", "u", prefix("169.254.64.4/30"), {}};
    EXPECT_NE(host_ruleset(rules).find("comment \"stack project xflushruleset\"\n"), std::string::npos);
}

TEST(Ruleset, OfTheHub) {
    EXPECT_TRUE(matches_golden("network/hub_empty.nft", hub_ruleset("uplink", {})));
    const std::vector<HubBridge> bridges{{"br-0", prefix("10.208.0.0/22"), true, false},
                                         {"br-1", prefix("10.208.4.0/22"), false, false},
                                         {"br-2", prefix("10.77.0.0/24"), true, true}};
    EXPECT_TRUE(matches_golden("network/hub_three_networks.nft", hub_ruleset("uplink", bridges)));
    EXPECT_EQ(add_hub_bridge(bridges[1]), "");
    EXPECT_EQ(add_hub_bridge(bridges[2]),
              "add element ip stack open { \"br-2\" }\nadd element ip stack translated { 10.77.0.0/24 }\n");
}

TEST(Ruleset, FastPathsKeepToTheirAddress) {
    const Ipv4 container = *Ipv4::parse("10.208.0.2");
    EXPECT_EQ(add_fast_path("t", port("0.0.0.0", "tcp"), container),
              "add element ip t published_everywhere { tcp . 8080 : 10.208.0.2 . 80 }\n");
    EXPECT_EQ(add_fast_path("t", port("127.0.0.1", "udp"), container),
              "add element ip t published { udp . 127.0.0.1 . 8080 : 10.208.0.2 . 80 }\n");
    EXPECT_EQ(remove_fast_path("t", port("127.0.0.1", "udp")),
              "delete element ip t published { udp . 127.0.0.1 . 8080 }\n");
}

TEST(Ruleset, FindsItsOwnRulesInAForeignChain) {
    const std::string listing = R"(table ip filter {
	chain DOCKER-USER { # handle 3
		iifname "stk-1a2b3c4d" counter packets 0 bytes 0 accept # handle 12
		iifname "stk-99999999" counter packets 0 bytes 0 accept # handle 13
		oifname "stk-1a2b3c4d" counter packets 5 bytes 9 accept # handle 14
		counter packets 0 bytes 0 return # handle 5
	}
}
)";
    EXPECT_EQ(remove_uplink_from_foreign_chain("DOCKER-USER", "stk-1a2b3c4d", listing),
              "delete rule ip filter DOCKER-USER handle 12\ndelete rule ip filter DOCKER-USER handle 14\n");
    EXPECT_EQ(remove_uplink_from_foreign_chain("DOCKER-USER", "stk-00000000", listing), "");
}

}  // namespace
}  // namespace stack::network
