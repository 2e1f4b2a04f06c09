// Records of networks and hubs on disk.
#include "network/network_store.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

namespace stack::network {
namespace {

class StoreTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string name = "/tmp/stack-network-store.XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory = name;
    }
    void TearDown() override { remove_tree(directory); }
    std::string directory;
};

NetworkRecord network(const std::string& name) {
    NetworkRecord record;
    record.project = "shop";
    record.spec.name = name;
    record.spec.key = "default";
    record.spec.subnet = "10.208.0.0/22";
    record.spec.gateway = "10.208.0.1";
    record.spec.reserved = {"10.208.0.9"};
    record.spec.internal = true;
    record.spec.mtu = 1400;
    record.bridge = "br-0";
    record.routed = true;
    record.leases = {{"10.208.0.2", "c1"}};
    return record;
}

TEST_F(StoreTest, RecordsAreReadAsTheyWereWritten) {
    const NetworkStore store{directory};
    const FileLock lock = store.lock();
    store.save(network("shop_default"));
    EXPECT_EQ(store.find_network("shop_default"), network("shop_default"));
    EXPECT_EQ(store.find_network("other"), std::nullopt);
    HubRecord hub;
    hub.project = "shop";
    hub.boot = "b";
    hub.pin = "/run/x";
    hub.uplink = "stk-1";
    hub.table = "stack-1";
    hub.link = *Prefix::parse("169.254.64.4/30");
    hub.foreign_chains = {"DOCKER-USER"};
    hub.complete = true;
    store.save(hub);
    EXPECT_EQ(store.find_hub("shop"), hub);
    store.remove_network("shop_default");
    store.remove_network("shop_default");
    EXPECT_TRUE(store.networks().empty());
}

TEST_F(StoreTest, BrokenRecordsAreNamedAndHideNoOthers) {
    const NetworkStore store{directory};
    const FileLock lock = store.lock();
    store.save(network("good"));
    for (const char* text : {"", "{", "[]", R"({"version": 9})", R"({"version": 1, "project": 7})"}) {
        write_file_atomically(directory + "/networks/bad.json", text, Durability::crash);
        EXPECT_EQ(store.networks().size(), 1u) << text;
        EXPECT_THROW(static_cast<void>(store.find_network("bad")), Error) << text;
    }
}

TEST_F(StoreTest, NamesNeverLeaveTheDirectory) {
    const NetworkStore store{directory};
    for (const char* name : {"", "..", "../x", "a/b", ".hidden", "-flag", "a b", "a\n"})
        EXPECT_THROW(static_cast<void>(store.find_network(name)), Error) << name;
}

}  // namespace
}  // namespace stack::network
