#include "manager/plan/config_hash.hpp"
#include "tests/unit/plan_fixture.hpp"

#include <functional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

using namespace stack;
using namespace stack::plan;

namespace {

compose::Service sample() {
    compose::Service service = plan::test::service("web");
    service.environment = {{"DB_URL", "a"}, {"MODE", "x"}};
    service.ports.push_back({.published = "8080", .target = 80});
    return service;
}

TEST(ConfigHash, IsTheSameForWhatDoesNotShapeAContainer) {
    const std::string before = service_hash(sample());
    EXPECT_EQ(before.size(), 64U);
    compose::Service after = sample();
    after.scale = 7;
    after.depends_on["db"].restart = true;
    after.profiles = {"debug"};
    after.position = {"other.yaml", 9, 9};
    after.positions["image"] = {"other.yaml", 10, 1};
    after.ports[0].position = {"other.yaml", 11, 1};
    EXPECT_EQ(service_hash(after), before);
    EXPECT_EQ(describe_difference(sample(), after), "");
}

TEST(ConfigHash, ChangesWithEveryKeyThatShapesAContainer) {
    const std::vector<std::function<void(compose::Service&)>> changes{
        [](auto& s) { s.image = "web:2"; },
        [](auto& s) { s.command = {"run"}; },
        [](auto& s) { s.command = std::vector<std::string>{}; },
        [](auto& s) { s.entrypoint = {"run"}; },
        [](auto& s) { s.environment["DB_URL"] = "b"; },
        [](auto& s) { s.environment["DB_URL"] = std::nullopt; },
        [](auto& s) { s.working_dir = "/w"; },
        [](auto& s) { s.user = "1"; },
        [](auto& s) { s.hostname = "h"; },
        [](auto& s) { s.container_name = "n"; },
        [](auto& s) { s.init = true; },
        [](auto& s) { s.tty = true; },
        [](auto& s) { s.read_only = true; },
        [](auto& s) { s.labels["a"] = "b"; },
        [](auto& s) {
            s.healthcheck = compose::Healthcheck{.test = {"CMD", "true"}};
        },
        [](auto& s) { s.restart.kind = compose::RestartPolicy::Kind::always; },
        [](auto& s) { s.stop_signal = "SIGINT"; },
        [](auto& s) { s.stop_grace_period = std::chrono::seconds{3}; },
        [](auto& s) { s.ports[0].published = "8081"; },
        [](auto& s) { s.volumes.push_back({.source = "data", .target = "/data"}); },
        [](auto& s) { s.networks["back"].aliases = {"x"}; },
        [](auto& s) { s.network_mode = "host"; },
        [](auto& s) { s.secrets.push_back({.source = "key", .target = "/run/secrets/key"}); },
        [](auto& s) { s.cap_add = {"NET_ADMIN"}; },
        [](auto& s) { s.cap_drop = {"ALL"}; },
        [](auto& s) { s.mem_limit_bytes = 1 << 20; },
        [](auto& s) { s.cpus = 0.5; },
        [](auto& s) { s.pids_limit = 20; },
        [](auto& s) {
            s.ulimits["nofile"] = {1, 2};
        },
        [](auto& s) { s.sysctls["net.core.somaxconn"] = "9"; },
        [](auto& s) {
            s.extra_hosts = {{"a", "10.0.0.1"}};
        },
    };
    std::set<std::string> hashes{service_hash(sample())};
    for (std::size_t i = 0; i < changes.size(); ++i) {
        compose::Service changed = sample();
        changes[i](changed);
        EXPECT_TRUE(hashes.insert(service_hash(changed)).second) << "change " << i << " is not in the hash";
        EXPECT_NE(describe_difference(sample(), changed), "") << "change " << i;
        EXPECT_NE(describe_difference(sample(), changed), "configuration changed") << "change " << i;
    }
}

TEST(ConfigHash, NamesWhatChanged) {
    compose::Service after = sample();
    after.environment = {{"DB_URL", "b"}, {"NEW", "1"}};
    after.image = "web:2";
    EXPECT_EQ(describe_difference(sample(), after),
              "image changed, environment DB_URL changed, environment MODE removed, environment NEW added");
    after.user = "5";
    EXPECT_EQ(describe_difference(sample(), after),
              "image changed, environment DB_URL changed, environment MODE removed, environment NEW added "
              "and 1 more");
}

TEST(ConfigHash, OfANetworkFollowsItsDefinitionAndNotItsPlace) {
    compose::Network network{.key = "back", .name = "shop_back"};
    const std::string before = network_hash(network);
    network.position = {"compose.yaml", 3, 3};
    EXPECT_EQ(network_hash(network), before);
    network.internal = true;
    EXPECT_NE(network_hash(network), before);
}

}  // namespace
