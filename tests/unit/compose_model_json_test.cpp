// The model as JSON. That nothing is lost is shown for every file of the corpus (compose_corpus_test.cpp).
#include "manager/compose/model_json.hpp"
#include "runtime/base/error.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::compose::test {
namespace {

TEST(ComposeModelJson, LeavesOutWhatIsDefault) {
    Service service;
    service.name = "web";
    EXPECT_EQ(to_json(service).dump(), R"({"name":"web"})");
}

TEST(ComposeModelJson, TellsEmptyFromAbsent) {
    Service service;
    service.command.emplace();
    service.environment = {{"A", std::nullopt}, {"B", ""}};
    service.init = false;
    const nlohmann::json json = to_json(service);
    EXPECT_EQ(json.dump(), R"({"command":[],"environment":{"A":null,"B":""},"init":false})");
    EXPECT_EQ(service_from_json(json), service);
}

TEST(ComposeModelJson, KeepsMembersWhoseDefaultIsNotZero) {
    Service service;
    service.scale = 0;
    service.depends_on["db"].required = false;
    service.volumes.emplace_back().create_host_path = false;
    service.volumes[0].type = VolumeMount::Type::bind;
    service.ports.emplace_back().protocol = "udp";
    service.ports[0].position = {"/f", 3, 4};
    EXPECT_EQ(service_from_json(to_json(service)), service);
}

TEST(ComposeModelJson, NamesAMemberOfTheWrongType) {
    try {
        service_from_json(nlohmann::json{{"ports", 80}});
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
        EXPECT_EQ(error.message(), "member 'ports' is not a list");
    }
    EXPECT_THROW(service_from_json(nlohmann::json{{"restart", {{"kind", "sometimes"}}}}), Error);
    EXPECT_THROW(project_from_json(nlohmann::json::array()), Error);
}

TEST(ComposeModelJson, IgnoresMembersOfALaterVersion) {
    EXPECT_EQ(network_from_json(nlohmann::json{{"key", "n"}, {"from_the_future", 1}}).key, "n");
}

}  // namespace
}  // namespace stack::compose::test
