// Who gets which answer.
#include "network/dns_server.hpp"
#include "network/dns_zone.hpp"

#include <gtest/gtest.h>

namespace stack::network::dns {
namespace {

EndpointSpec seat(const std::string& network, const std::string& ip, const std::vector<std::string>& names) {
    EndpointSpec result;
    result.network = network;
    result.ip = ip;
    result.names = names;
    return result;
}

std::size_t first(std::size_t) {
    return 0;
}
std::size_t last(std::size_t bound) {
    return bound - 1;
}

std::string ask(const Zone& zone, const std::vector<std::string>& networks, const std::string& name,
                Type type = Type::a, const Random& random = last) {
    Query query;
    query.question = {name, type, kClassIn};
    const std::optional<Response> response = zone.answer(query, Asker{networks, true}, random);
    if (!response) return "not ours";
    std::string result = response->code == Code::name_error ? "none" : "ok";
    for (const Record& record : response->answers) {
        EXPECT_EQ(record.name, name);
        if (const auto* address = std::get_if<Ipv4>(&record.data)) result += " " + address->text();
        if (const auto* pointer = std::get_if<Ptr>(&record.data)) result += " " + pointer->target;
    }
    return result;
}

class ZoneTest : public ::testing::Test {
  protected:
    void SetUp() override {
        zone.set("c1", {seat("front", "10.0.0.2", {"web", "shop-web-1"})});
        zone.set("c2", {seat("front", "10.0.0.3", {"web", "shop-web-2"}),
                        seat("back", "10.1.0.3", {"web", "hidden"})});
        zone.set("c3", {seat("back", "10.1.0.4", {"db", "DB", "db"})});
    }
    Zone zone;
};

TEST_F(ZoneTest, AnswersForEveryNetworkOfTheAsker) {
    EXPECT_EQ(ask(zone, {"front"}, "web"), "ok 10.0.0.2 10.0.0.3");
    EXPECT_EQ(ask(zone, {"back"}, "web"), "ok 10.1.0.3");
    EXPECT_EQ(ask(zone, {"front", "back"}, "WEB"), "ok 10.0.0.2 10.0.0.3 10.1.0.3");
    EXPECT_EQ(ask(zone, {"back"}, "db"), "ok 10.1.0.4");
    EXPECT_EQ(ask(zone, {"front", "back"}, "web.back"), "ok 10.1.0.3");
}

TEST_F(ZoneTest, NamesOfOtherNetworksDoNotExistAndAreNotAskedElsewhere) {
    EXPECT_EQ(ask(zone, {"front"}, "db"), "none");
    EXPECT_EQ(ask(zone, {}, "db"), "none");
    EXPECT_EQ(ask(zone, {"front"}, "web.back"), "not ours");
    EXPECT_EQ(ask(zone, {"front"}, "example.org"), "not ours");
}

TEST_F(ZoneTest, OtherTypesOfAKnownNameAreEmpty) {
    for (const Type type : {Type::aaaa, Type::srv, Type::txt, Type::soa})
        EXPECT_EQ(ask(zone, {"front"}, "web", type), "ok");
    EXPECT_EQ(ask(zone, {"front"}, "web", Type::any), "ok 10.0.0.2 10.0.0.3");
}

TEST_F(ZoneTest, TheOrderIsShuffled) {
    EXPECT_EQ(ask(zone, {"front"}, "web", Type::a, first), "ok 10.0.0.3 10.0.0.2");
}

TEST_F(ZoneTest, ReverseNamesAreKnownOnSharedNetworksOnly) {
    EXPECT_EQ(ask(zone, {"back"}, "4.0.1.10.in-addr.arpa", Type::ptr), "ok db.back");
    EXPECT_EQ(ask(zone, {"front"}, "4.0.1.10.in-addr.arpa", Type::ptr), "not ours");
    EXPECT_EQ(ask(zone, {"front"}, "in-addr.arpa", Type::ptr), "not ours");
    EXPECT_EQ(ask(zone, {"front"}, "1.4.0.1.10.in-addr.arpa", Type::ptr), "not ours");
}

TEST_F(ZoneTest, WhatIsRemovedIsGoneButStaysOurs) {
    zone.remove("c2");
    EXPECT_EQ(ask(zone, {"front", "back"}, "web"), "ok 10.0.0.2");
    EXPECT_EQ(ask(zone, {"front", "back"}, "hidden"), "none");
    EXPECT_EQ(ask(zone, {"back"}, "3.0.1.10.in-addr.arpa", Type::ptr), "not ours");
    zone.reserve({"Later"});
    EXPECT_EQ(ask(zone, {"front"}, "later"), "none");
}

TEST_F(ZoneTest, SettingAgainReplaces) {
    zone.set("c3", {seat("back", "10.1.0.9", {"db"})});
    EXPECT_EQ(ask(zone, {"back"}, "db"), "ok 10.1.0.9");
}

TEST(Resolvers, AreReadFromResolvConf) {
    const std::vector<std::string> expected{"192.0.2.1", "2001:db8::1", "127.0.0.53"};
    EXPECT_EQ(
        parse_resolvers(
            "# nameserver 1.1.1.1\nsearch lan\n nameserver\t192.0.2.1 # router\nnameserver 2001:db8::1\n"
            "nameserver nonsense\nnameserver 127.0.0.53\r\nnameserver 9.9.9.9\n"),
        expected);
    EXPECT_TRUE(parse_resolvers("").empty());
}

}  // namespace
}  // namespace stack::network::dns
